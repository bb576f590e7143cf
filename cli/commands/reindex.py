"""`livedrops reindex`: build the search index anew, beside the one in use."""

import time
from collections.abc import Callable

import click
import msgspec

from cli.addresses import Addresses
from cli.failures import CommandFailed
from cli.services import rpc_client
from services.contracts.errors import Unavailable
from services.contracts.search import Reindex, ReindexState, Search

LOOK_EVERY_S = 0.5
# A step takes a fraction of a second, a take-over some ten. Silent for so long, the indexer is away or can't do its work.
SILENT_S = 60.0


@click.command()
@click.option("--no-wait", is_flag=True, help="Ask for it and return; asking again shows how far it is.")
@click.option("--json", "as_json", is_flag=True, help="Print the end as one JSON object.")
@click.pass_obj
def reindex(addresses: Addresses, no_wait: bool, as_json: bool) -> None:
    """Build a new search index from what the services say, and swap it for the one in use.

    Safe beside traffic: searches go on, and changes reach both. One that is under way is joined. Ctrl-C stops watching, not the work.

    \b
    Example:
      livedrops reindex
    """
    with rpc_client(addresses) as client:
        search = client.service("search", Search)
        job = search.start_reindex()
        if not no_wait:
            job = watch(search, job, lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(msgspec.json.encode(job))
    else:
        click.echo(f"reindex: {job.state.value.lower()}, {job.done:,} things")


def watch(search: Search, job: Reindex, say: Callable[[str], None]) -> Reindex:
    """Tell how far it is, until its end. Raises CommandFailed where it fails, or nothing moves any more."""
    moved_at, shown = time.monotonic(), ""
    while job.state is ReindexState.RUNNING:
        line = progress_line(job)
        if line != shown:
            moved_at, shown = time.monotonic(), line
            say(line)
        elif time.monotonic() - moved_at > SILENT_S:
            raise CommandFailed(
                "STUCK", f"Nothing has moved for {SILENT_S:.0f} s. Is the unit search-indexer running? The work goes on when it is."
            )
        time.sleep(LOOK_EVERY_S)
        job = _look(search, job)
    if job.state is ReindexState.FAILED:
        raise CommandFailed("REINDEX_FAILED", f"{job.message} The index in use stays as it is.")
    return job


def _look(search: Search, job: Reindex) -> Reindex:
    """The job as it is now; as it was, while the service or Elasticsearch is away for a moment."""
    try:
        return search.get_reindex()
    except Unavailable:
        return job


def progress_line(job: Reindex) -> str:
    if job.phase == "waiting":
        return "waiting for the indexer"
    share = f" of about {job.total:,} ({min(100, 100 * job.done // job.total)} %)" if job.total else ""
    return f"{job.phase}: {job.done:,}{share}"
