"""The `stack` commands: up, down, status, logs."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from textwrap import wrap
from typing import Any, ParamSpec, TypeVar

import click

from stack.api import Stack, Status
from stack.environment import kept_environment
from stack.errors import LOG_TAIL_LINES, StackError, tail
from stack.instance import CLONE, SUPERVISED
from stack.monitoring import Monitoring
from stack.progress import done, step, to_stdout

DEMO_DEADLINE_S = 120
# How soon the foreground notices that somebody else stopped the stack.
_LOOK_EVERY_S = 1.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

P = ParamSpec("P")
T = TypeVar("T")


def told_plainly(command: Callable[P, T]) -> Callable[P, T]:
    """End with the error's own text and exit code instead of a traceback."""

    @wraps(command)
    def wrapper(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            return command(*arguments, **options)
        except StackError as error:
            click.echo(str(error), err=True)
            raise SystemExit(error.exit_code) from error

    return wrapper


profile_option = click.option(
    "--profile", type=click.Choice(SUPERVISED), default="dev", show_default=True, help="Which of the two instances."
)


@click.group()
def stack() -> None:
    """Servers and units on this machine."""


@stack.command()
@profile_option
@click.option("--servers-only", is_flag=True, help="Leave units and ingress out.")
@click.option("--detach", is_flag=True, help="Return when everything serves, and leave it running.")
@told_plainly
def up(profile: str, servers_only: bool, detach: bool) -> None:
    """Start everything; stop it again on Ctrl-C."""
    here = Stack.of_profile(profile)
    waiting: list[str] = []
    try:
        with interruptible():
            # Somebody who sits in front of it can look and buy before the last part has started.
            here.up(servers_only, to_stdout, all_of_it=detach)
            if not servers_only:
                demo = load_demo(here.environment("operations")) if profile == "dev" else {}
                if not detach:
                    here.start_rest()
                watched = _watch(profile)
                waiting = here.unready()
                click.echo(_welcome(here, demo, detach, waiting, watched))
            if not detach:
                _stay(here, waiting)
    except KeyboardInterrupt:
        click.echo("\nStopping")
        with uninterruptible():
            here.down(to_stdout)


def _stay(here: Stack, waiting: list[str]) -> None:
    """In the foreground until it is stopped, telling once what of the rest serves. waiting: what does not yet."""
    began = time.monotonic()
    while here.is_running():
        if waiting:
            unready = here.unready()
            ready = [name for name in waiting if name not in unready]
            waiting = [name for name in waiting if name in unready]
            if ready:
                click.echo(done(f"{', '.join(ready)} ready", began))
        time.sleep(_LOOK_EVERY_S)
    click.echo("Stopped from elsewhere.")


@stack.command()
@profile_option
@told_plainly
def down(profile: str) -> None:
    """Stop everything of a profile."""
    here = Stack.of_profile(profile)
    here.down(to_stdout)
    click.echo(f"The {profile} stack is stopped.")


@stack.command()
@profile_option
@told_plainly
def status(profile: str) -> None:
    """Show each server and unit. Exit code 1 where something is not ready."""
    rows = Stack.of_profile(profile).status()
    if not rows:
        click.echo(f"The {profile} stack is not running.")
        raise SystemExit(1)
    click.echo(f"{'NAME':<20} {'STATE':<9} {'PID':>7} {'UPTIME':>9} {'READY':<5} {'MB':>6}  ADDRESS")
    for row in rows:
        click.echo(_status_line(row))
    raise SystemExit(0 if all(row.ready for row in rows) else 1)


@stack.command()
@click.argument("name", required=False)
@profile_option
@click.option("-f", "--follow", is_flag=True, help="Go on showing new lines until Ctrl-C.")
@click.option("-n", "--lines", default=LOG_TAIL_LINES, show_default=True, help="Lines of each log.")
@told_plainly
def logs(name: str | None, profile: str, follow: bool, lines: int) -> None:
    """Show the end of one log, or of all."""
    here = Stack.of_profile(profile)
    files = [here.log(name)] if name else sorted(here.instance.logs.glob("*.log"))
    if not files:
        raise StackError(f"The {profile} stack has no logs yet.")
    if not follow:
        for file in files:
            click.echo(f"==> {file} <==\n{tail(file, lines)}")
        return
    # -F goes on with the new file when a log is rotated.
    os.execvp("tail", ["tail", "-n", str(lines), "-F", *map(str, files)])


@stack.command()
@profile_option
@told_plainly
def migrate(profile: str) -> None:
    """Bring the stores' schemas up to date; the servers must be running."""
    Stack.of_profile(profile).migrate(to_stdout)


@stack.command()
@told_plainly
def clean() -> None:
    """Stop both profiles and delete their data, logs and secrets."""
    for profile in SUPERVISED:
        here = Stack.of_profile(profile)
        here.down(to_stdout)
        here.instance.forget()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let a closed terminal and `kill` mean what Ctrl-C means, and Ctrl-C itself also where a shell has switched it off."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, interrupt) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def uninterruptible() -> Iterator[None]:
    """Stopping is bounded in time, and stopping halfway would leave processes behind."""
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    yield


def _status_line(row: Status) -> str:
    process = row.process
    uptime = str(_hours(process.now - process.started)) if process.pid else "-"
    ready = "yes" if row.ready else "no"
    return f"{process.name:<20} {process.state:<9} {process.pid or '-':>7} {uptime:>9} {ready:<5} {row.memory_bytes / 1e6:>6.0f}  {row.address}"


def _hours(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def load_demo(settings: Mapping[str, str]) -> dict[str, Any]:
    """People and a drop to try. settings: of the command. What cannot be loaded is told, and all runs on without it."""
    environment = kept_environment(os.environ) | dict(settings)
    with step(to_stdout, "demo loaded"):
        result = subprocess.run(
            [sys.executable, "-m", "cli.main", "demo", "load"],
            env=environment,
            cwd=CLONE,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEMO_DEADLINE_S,
        )
    try:
        demo: dict[str, Any] = json.loads(result.stdout)
    except ValueError:
        click.echo(f"The demo could not be loaded:\n{result.stderr[-2000:]}", err=True)
        return {}
    return demo


def _watch(profile: str) -> str:
    """Start monitoring where that is wanted. The address of its dashboards; empty without it."""
    monitoring = Monitoring.of_profile(profile)
    if not monitoring.is_wanted:
        return ""
    monitoring.up(to_stdout)
    return monitoring.dashboards


def _welcome(here: Stack, demo: dict[str, Any], detach: bool, waiting: list[str], watched: str) -> str:
    """The one screen that says where everything is. watched: where the dashboards are."""
    base = here.address("ingress")
    how = f"livedrops stack down --profile {here.instance.profile}" if here.instance.profile != "dev" else "make stop"
    lines = [
        "",
        "LiveDrops runs.",
        f"  Shop       {base}/          (open it in a browser)",
        f"  GraphQL    {base}/graphql   (open it in a browser for GraphiQL)",
        f"  REST       {base}/order, {base}/follow   (POST); {base}/user/ID/followers; all of it: {base}/openapi.json",
        f"  Live       {base}/live?drop=ID, {base}/graphql/stream   (server-sent events)",
        f"  Logs       {here.instance.logs}",
        *([f"  Dashboards {watched}"] if watched else []),
        *_about_the_rest(here, waiting),
        *demo_lines(demo),
        "",
        f"Stop with {how}" if detach else f"Stop with Ctrl-C, or {how} in another terminal.",
    ]
    return "\n".join(lines)


def demo_lines(demo: dict[str, Any]) -> list[str]:
    """Whom to sign in as, and what to try; nothing where there is no demo."""
    people = [f"  {person['role'].lower():<10} {person['email']:<32} {person['password']}" for person in demo.get("people", ())]
    return [*(["", "Sign in as", *people] if people else []), *(["", "Try", f"  {demo['curl']}"] if "curl" in demo else [])]


def _about_the_rest(here: Stack, waiting: list[str]) -> list[str]:
    """Nothing where all is as it should be. waiting: what does not serve yet."""
    if reason := here.why_absent("elasticsearch"):
        return [f"  Left out   elasticsearch: {reason}", "             Searches are answered by plain text, from PostgreSQL."]
    if waiting:
        lines = wrap(", ".join(waiting), 110)
        return [f"  Starting   {lines[0]}", *(f"             {line}" for line in lines[1:])]
    return []
