"""`livedrops recount` and `livedrops rebuild-followers`: prove what is derived from follows, and mend it."""

from collections.abc import Callable

import click
import msgspec

from cli import long_work
from cli.addresses import Addresses
from cli.services import rpc_client
from services.contracts.users import Job, JobKind, JobState, Users

# A step takes a fraction of a second. Silent for so long, the reader is away or can't do its work.
SILENT_S = 60.0


@click.command()
@long_work.options
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
@long_work.options
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
    return long_work.watch(job, lambda: users.get_job(kind=job.kind), _is_over, progress_line, say, "users-capture", SILENT_S)


def _is_over(job: Job) -> bool:
    return job.state is JobState.DONE


def progress_line(job: Job) -> str:
    if job.state is JobState.WAITING:
        return "waiting for the reader"
    share = f" ({min(100, 100 * job.done // job.total)} %)" if job.total else ""
    return f"{job.phase}: {job.done:,} of about {job.total:,}{share}, {job.repaired:,} repaired"
