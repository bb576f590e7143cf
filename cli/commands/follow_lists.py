"""`livedrops recount` and `livedrops rebuild-followers`: prove what is derived from follows, and mend it."""

import time
from collections.abc import Callable
from typing import Any

import click
import msgspec

from cli.addresses import Addresses
from cli.failures import CommandFailed
from cli.services import rpc_client
from services.contracts.errors import Unavailable
from services.contracts.users import Job, JobKind, JobState, Users

LOOK_EVERY_S = 0.5
# A step takes a fraction of a second. Silent for so long, the reader is away or can't do its work.
SILENT_S = 60.0

_options: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    click.option("--no-wait", is_flag=True, help="Ask for it and return; asking again shows how far it is."),
    click.option("--json", "as_json", is_flag=True, help="Print the end as one JSON object."),
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in _options:
        command = option(command)
    return command


@click.command()
@options
@click.pass_obj
def recount(addresses: Addresses, no_wait: bool, as_json: bool) -> None:
    """Set everybody's counts of followers and followed right, from the lists.

    Safe beside traffic; one that is under way is joined. Ctrl-C stops watching, not the work.

    \b
    Example:
      livedrops recount
    """
    _do(addresses, JobKind.RECOUNT, no_wait, as_json)


@click.command("rebuild-followers")
@options
@click.pass_obj
def rebuild_followers(addresses: Addresses, no_wait: bool, as_json: bool) -> None:
    """Set the lists of followers right, from the follows themselves; then recount.

    What a list did not show yet is told as an event again. Safe beside traffic; one that is under way is joined. Ctrl-C stops
    watching, not the work.

    \b
    Example:
      livedrops rebuild-followers
    """
    _do(addresses, JobKind.REBUILD_FOLLOWERS, no_wait, as_json)


def _do(addresses: Addresses, kind: JobKind, no_wait: bool, as_json: bool) -> None:
    with rpc_client(addresses) as client:
        users = client.service("users", Users)
        job = users.start_job(kind=kind)
        if not no_wait:
            job = watch(users, job, lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(msgspec.json.encode(job))
    else:
        click.echo(f"{kind.value.lower().replace('_', '-')}: {job.state.value.lower()}, {job.repaired} repaired")


def watch(users: Users, job: Job, say: Callable[[str], None]) -> Job:
    """Tell how far the work is, until its end. Raises CommandFailed where nothing moves any more."""
    moved_at, shown = time.monotonic(), ""
    while job.state is not JobState.DONE:
        line = progress_line(job)
        if line != shown:
            moved_at, shown = time.monotonic(), line
            say(line)
        elif time.monotonic() - moved_at > SILENT_S:
            raise CommandFailed(
                "STUCK", f"Nothing has moved for {SILENT_S:.0f} s. Is the unit users-capture running? The work goes on when it is."
            )
        time.sleep(LOOK_EVERY_S)
        job = _look(users, job)
    return job


def _look(users: Users, job: Job) -> Job:
    """The job as it is now; as it was, while the service is away for a moment."""
    try:
        return users.get_job(kind=job.kind)
    except Unavailable:
        return job


def progress_line(job: Job) -> str:
    if job.state is JobState.WAITING:
        return "waiting for the reader"
    share = f" ({min(100, 100 * job.done // job.total)} %)" if job.total else ""
    return f"{job.phase}: {job.done:,} of about {job.total:,}{share}, {job.repaired:,} repaired"
