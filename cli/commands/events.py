"""`livedrops events`: see events as they are published."""

import json
import shutil
import time
from itertools import islice
from typing import Any

import click
import msgspec

from cli.addresses import BROKER, Addresses
from cli.failures import CommandFailed
from cli.watching import watch


@click.group()
def events() -> None:
    """See events as they are published."""


@events.command()
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option("--pretty", is_flag=True, help="Lines for people instead of JSON: time, type, id and the data, cut to the terminal.")
@click.option("--count", type=click.IntRange(1), help="End after so many events.")
@click.option(
    "--for-s", type=click.FloatRange(0, min_open=True), help="End after so many seconds; with --count, exit code 1 if too few came."
)
@click.pass_obj
def tail(addresses: Addresses, patterns: tuple[str, ...], pretty: bool, count: int | None, for_s: float | None) -> None:
    """Print each event whose type fits a PATTERN, one line of JSON an event, until Ctrl-C.

    In a PATTERN, * stands for one word and # for any number of them; without one, all events are shown. Events are read
    through a queue of this command's own: no consumer misses any, and events from before are not shown.

    \b
    Examples:
      livedrops events tail --pretty
      livedrops events tail 'order.*' drop.sold_out --count 10 --for-s 60
    """
    deadline = time.monotonic() + (for_s or float("inf"))
    bodies = watch(addresses.require(BROKER), patterns or ("#",), deadline, lambda text: click.echo(text, err=True))
    missing = count
    try:
        for body in islice((event for message in bodies for event in apart(message)), count):
            click.echo(pretty_line(body, shutil.get_terminal_size().columns) if pretty else json_line(body))
            missing = missing and missing - 1
    except KeyboardInterrupt:
        return
    if missing:
        raise CommandFailed("TOO_FEW", f"{missing} of {count} events did not come in {for_s:g} s.")


def apart(message: bytes) -> list[bytes]:
    """The events of a message, which may hold several; a message that is no JSON is shown as it is."""
    told = _decoded(message)
    return [msgspec.json.encode(event) for event in told] if isinstance(told, list) else [message]


def json_line(body: bytes) -> str:
    """An event as one line of JSON, whatever its publisher put into it."""
    event = _decoded(body)
    return json.dumps({"unreadable": body.decode(errors="replace")} if event is None else event, ensure_ascii=False, separators=(",", ":"))


def pretty_line(body: bytes, width: int) -> str:
    """Time, type, id and the beginning of the data, in at most `width` characters."""
    event = _decoded(body)
    if not isinstance(event, dict):
        return json_line(body)[:width]
    time_of_day = str(event.get("occurred_at", ""))[11:19]
    told = json.dumps(event.get("data"), ensure_ascii=False).replace('"', "")
    line = f"{time_of_day:<8} {event.get('type', '?')!s:<16} {event.get('id', '?')} {told}"
    return line if len(line) <= width else line[: width - 1] + "…"


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
