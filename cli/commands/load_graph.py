"""`livedrops load-graph`: bring a graph of follows in, in bulk."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click
import msgspec
from pymongo.errors import PyMongoError

from cli.addresses import USERS_MONGO, Addresses
from cli.edge_lists import EdgeList, open_list
from cli.failures import CommandFailed
from cli.line_files import OnceASecond, wrong_lines
from cli.loading import Load, Pace, Terms, first_checkpoint
from services.kernel.metrics import Metrics
from services.kernel.mongo import Mongo
from services.users.loading import Checkpoint, GraphStore, Problem

# An idle reader tells its place every two seconds: a smaller lag can't be told from none.
LEAST_LAG_S = 3.0


class Summary(msgspec.Struct, frozen=True):
    """What a load came to, with what it did before it was cut off. seconds, edges_per_second: of this run alone.

    followed: new; renewed: had ended, and begin anew; known: were there. lag_s: of the reader at the end, null where there is none.
    """

    file: str
    started_at: datetime
    resumed_behind_line: int
    lines: int
    followed: int
    renewed: int
    known: int
    people: int
    errors: int
    seconds: float
    edges_per_second: float
    lag_s: float | None

    @classmethod
    def of(cls, load: Load, first: Checkpoint, seconds: float, pace: Pace) -> "Summary":
        last, tally = load.checkpoint, load.checkpoint.tally
        return cls(
            file=last.name,
            started_at=last.started_at,
            resumed_behind_line=first.line,
            lines=last.line,
            followed=tally.followed,
            renewed=tally.renewed,
            known=tally.known,
            people=tally.people,
            errors=tally.errors,
            seconds=round(seconds, 3),
            edges_per_second=round((tally.edges - first.tally.edges) / seconds, 1),
            lag_s=None if pace.lag_s == float("inf") else round(pace.lag_s, 3),
        )

    def text(self) -> str:
        counts = f"{self.followed:,} new, {self.renewed:,} begun anew, {self.known:,} known"
        return f"{self.lines:,} lines: {counts}, {self.people:,} people made, {self.errors:,} errors, in {self.seconds:,.1f} s"


class Progress:
    """A line on stderr, at most once a second."""

    def __init__(self, edges: EdgeList, first: Checkpoint) -> None:
        self._edges = edges
        self._first = first
        self._clock = OnceASecond()

    def tell(self, checkpoint: Checkpoint, pace: Pace) -> None:
        if not self._clock.is_due():
            return
        done = checkpoint.tally.edges
        rate = (done - self._first.tally.edges) / self._clock.seconds()
        share = self._edges.share()
        read = "" if share is None else f", {share:.0%} of the file read"
        click.echo(f"{done:,} edges, {rate:,.0f} a second{read}; the reader is {_lag(pace)}", err=True)


def _lag(pace: Pace) -> str:
    if pace.lag_s == float("inf"):
        return "not there"
    return f"{pace.lag_s:.1f} s behind, with {pace.unread:,} changes to read"


@click.command("load-graph")
@click.argument("name", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--create-users", is_flag=True, help="Make the people that are missing. Without it, an edge of theirs is an error.")
@click.option("--batch", type=click.IntRange(1, 10_000), default=2_000, show_default=True, help="Lines that are loaded, and kept, at once.")
@click.option("--max-errors", type=click.IntRange(0), default=1_000, show_default=True, help="One wrong line more ends the load.")
@click.option("--errors", "errors_path", type=click.Path(dir_okay=False, path_type=Path), help="Tell of wrong lines here, not on stderr.")
@click.option(
    "--lag-s",
    type=click.FloatRange(LEAST_LAG_S),
    default=5.0,
    show_default=True,
    help="How far the change-stream reader may be behind before loading pauses, in seconds; inf never pauses.",
)
@click.option("--restart", is_flag=True, help="Begin anew, where an earlier load of this file was cut off.")
@click.option("--no-wait", is_flag=True, help="End without waiting for the reader to have derived all lists and counts.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a sentence.")
@click.pass_obj
def load_graph(
    addresses: Addresses,
    name: str,
    create_users: bool,
    batch: int,
    max_errors: int,
    errors_path: Path | None,
    lag_s: float,
    restart: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Load follows from FILE: a line an edge, the follower's id and the followed's, apart by white space or a comma.

    Lines that are blank or begin with # are skipped; a FILE named .gz is unpacked; - is stdin. An id that is a UUID stands for
    itself, any other (of a public data set, say) for one derived from it. Loading again changes nothing, and a load that was
    killed goes on behind its last finished batch; from stdin it begins anew. People made here can't sign in.

    Exit code 1 where the load did not come to its end. Lines left out for an error are counted, and are no failure up to
    --max-errors.

    \b
    Examples:
      livedrops load-graph soc-follows.txt.gz --create-users
      zcat edges.csv.gz | livedrops load-graph - --errors wrong.txt --json
    """
    terms = Terms(batch, max_errors, create_users)
    with graph_store(addresses) as store, open_list(name) as edges:
        first = first_checkpoint(store, edges, restart, lambda text: click.echo(text, err=True))
        with wrong_lines(errors_path, appending=first.line > 0) as tell:
            summary = run_load(store, edges, first, terms, lambda problem: tell(_told(problem)), lag_s, wait=not no_wait)
    click.echo(msgspec.json.encode(summary) if as_json else summary.text())


def run_load(
    store: GraphStore, edges: EdgeList, first: Checkpoint, terms: Terms, report: Callable[[Problem], None], lag_s: float, wait: bool
) -> Summary:
    """Load, and wait for the reader where wanted, telling how it goes. Raises LiveDropsError, CommandFailed."""
    progress, begun = Progress(edges, first), time.monotonic()
    pace = Pace(store, lag_s, tell=lambda: progress.tell(load.checkpoint, pace))
    load = Load(store, pace, first, terms, report)
    for checkpoint in load.run(edges.lines(after=first.line)):
        progress.tell(checkpoint, pace)
    seconds = time.monotonic() - begun
    if wait:
        pace.wait_caught_up()
    return Summary.of(load, first, seconds, pace)


@contextmanager
def graph_store(addresses: Addresses) -> Iterator[GraphStore]:
    """The users' store for the block. Raises Unavailable, NotConfigured, and CommandFailed with the store's own word."""
    mongo = Mongo(addresses.require(USERS_MONGO), addresses.users_database(), Metrics(), patient=True)
    try:
        mongo.check()
        yield GraphStore(mongo)
    except PyMongoError as error:
        raise CommandFailed("STORE_FAILED", f"MongoDB: {error}") from error
    finally:
        mongo.close()


def _told(problem: Problem) -> str:
    return f"line {problem.line}: {problem.reason}: {problem.text!r}"
