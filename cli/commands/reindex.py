"""`livedrops reindex`: build the search index anew, beside the one in use."""

from collections.abc import Callable

import click
import msgspec

from cli import long_work
from cli.addresses import Addresses
from cli.failures import CommandFailed
from cli.services import rpc_client
from services.contracts.search import Reindex, ReindexState, Search

# A step takes a fraction of a second, a take-over some ten. Silent for so long, the indexer is away or can't do its work.
SILENT_S = 60.0


@click.command()
@long_work.options
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
    job = long_work.watch(job, search.get_reindex, _is_over, progress_line, say, "search-indexer", SILENT_S)
    if job.state is ReindexState.FAILED:
        raise CommandFailed("REINDEX_FAILED", f"{job.message} The index in use stays as it is.")
    return job


def _is_over(job: Reindex) -> bool:
    return job.state is not ReindexState.RUNNING


def progress_line(job: Reindex) -> str:
    if job.phase == "waiting":
        return "waiting for the indexer"
    share = f" of about {job.total:,} ({min(100, 100 * job.done // job.total)} %)" if job.total else ""
    return f"{job.phase}: {job.done:,}{share}"
