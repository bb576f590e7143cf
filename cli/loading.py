"""A load of follows, from an edge list into the users' store, at a pace that the change-stream reader can follow."""

import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from cli.edge_lists import EdgeList
from services.contracts.errors import InvalidInput, Unavailable
from services.users.loading import READER, Checkpoint, Edge, GraphStore, Problem, Tally

# The reader's place in the stream is gone once the oplog has overwritten it, and the small one of a local server holds some 150,000
# follows with all that is derived from them. The reader is kept busy by far fewer.
MOST_UNREAD = 20_000
# A reader that stands still for so long is down, or stuck: its lease is taken over in 3 s.
STALLED_S = 30.0
ASK_EVERY_S = 0.1


class Pace:
    """How far the reader is behind a load, and waiting for it.

    lag_s: the age of the last change that the reader has applied, as of the last look; infinite where there never was a reader. An idle
    reader tells its place every two seconds, so less than that means nothing.
    """

    def __init__(self, store: GraphStore, most_lag_s: float, tell: Callable[[], None]) -> None:
        """most_lag_s: infinite to wait for nobody. tell: is called while we wait."""
        self._store = store
        self._most_lag_s = most_lag_s
        self._tell = tell
        self._at: datetime | None = None
        # When the store had acknowledged them, and how many.
        self._unread: deque[tuple[datetime, int]] = deque()
        self.lag_s = math.inf

    @property
    def unread(self) -> int:
        """Changes of ours that the reader has not applied."""
        return sum(changes for _, changes in self._unread)

    def wrote(self, changes: int) -> None:
        self._unread.append((self._store.now(), changes))

    def wait_for_turn(self) -> None:
        """Until the reader is near enough for one more batch. Raises Unavailable where it stands still."""
        if self._most_lag_s == math.inf:
            self._look()
        else:
            self._wait(lambda: self.lag_s <= self._most_lag_s and self.unread <= MOST_UNREAD)

    def wait_caught_up(self) -> None:
        """Until the reader has applied all that was written until now. Raises Unavailable where it stands still."""
        self.wrote(0)
        self._wait(lambda: not self._unread)

    def _wait(self, done: Callable[[], bool]) -> None:
        moved_at, before = time.monotonic(), self._at
        while True:
            self._look()
            if done():
                return
            self._tell()
            if self._at != before:
                moved_at, before = time.monotonic(), self._at
            if time.monotonic() - moved_at > STALLED_S:
                raise Unavailable(f"{READER}, the change-stream reader, has stood still for {STALLED_S:.0f} s. Is it running?")
            time.sleep(ASK_EVERY_S)

    def _look(self) -> None:
        now, self._at = self._store.now(), self._store.reader_at()
        self.lag_s = (now - self._at).total_seconds() if self._at else math.inf
        # Of two changes in one millisecond, one may still be to come: only what is older is certain.
        while self._at and self._unread and self._unread[0][0] < self._at:
            self._unread.popleft()


@dataclass(frozen=True)
class Terms:
    """batch: lines at a time. max_errors: one more ends the load. create_people: make those that are missing."""

    batch: int = 2_000
    max_errors: int = 1_000
    create_people: bool = False


class Load:
    """One load, from its checkpoint on."""

    def __init__(self, store: GraphStore, pace: Pace, checkpoint: Checkpoint, terms: Terms, report: Callable[[Problem], None]) -> None:
        """report: is told each line that is left out."""
        self._store = store
        self._pace = pace
        self._terms = terms
        self._report = report
        self.checkpoint = checkpoint

    def run(self, lines: Iterable[Edge | Problem]) -> Iterator[Checkpoint]:
        """Load lines, which begin behind the checkpoint's. Yields the checkpoint of each finished batch, and of the end.

        Raises InvalidInput past max_errors, with the batch in question left out, and Unavailable.
        """
        rest = iter(lines)
        while batch := list(islice(rest, self._terms.batch)):
            self._pace.wait_for_turn()
            self._keep(replace(self.checkpoint, line=batch[-1].line, tally=self.checkpoint.tally + self._take(batch)))
            yield self.checkpoint
        self._keep(replace(self.checkpoint, finished_at=datetime.now(UTC)))
        yield self.checkpoint

    def _take(self, batch: Sequence[Edge | Problem]) -> Tally:
        edges = [line for line in batch if isinstance(line, Edge)]
        named = {person for edge in edges for person in (edge.user_id, edge.creator_id)}
        missing = named - self._store.known_people(named) if named else set()
        problems = [line for line in batch if isinstance(line, Problem)]
        if not self._terms.create_people:
            problems += [_stranger(edge, missing) for edge in edges if {edge.user_id, edge.creator_id} & missing]
            edges, missing = [edge for edge in edges if not {edge.user_id, edge.creator_id} & missing], set()
        self._tell_of(problems)
        return self._write(edges, missing) + Tally(errors=len(problems))

    def _tell_of(self, problems: list[Problem]) -> None:
        left = self._terms.max_errors - self.checkpoint.tally.errors
        for problem in sorted(problems, key=lambda each: each.line)[: max(0, left) + 1]:
            self._report(problem)
        if len(problems) > left:
            behind = f"nothing behind line {self.checkpoint.line} was loaded"
            raise InvalidInput(f"More than {self._terms.max_errors} lines are wrong; {behind}.")

    def _write(self, edges: Sequence[Edge], missing: Collection[str]) -> Tally:
        people = self._store.add_people(missing, self.checkpoint.started_at) if missing else 0
        tally = self._store.add_follows(edges, self.checkpoint) if edges else Tally()
        self._pace.wrote(people + tally.followed + tally.renewed)
        return tally + Tally(people=people)

    def _keep(self, checkpoint: Checkpoint) -> None:
        self._store.save(checkpoint)
        self.checkpoint = checkpoint


def _stranger(edge: Edge, missing: Collection[str]) -> Problem:
    who = " and ".join(each for each in (edge.user_id, edge.creator_id) if each in missing)
    return Problem(edge.line, f"there is no user {who}", edge.text)


def first_checkpoint(store: GraphStore, edges: EdgeList, restart: bool, note: Callable[[str], None]) -> Checkpoint:
    """Where a load of this list goes on: behind its last finished batch, or, where it was finished or is to begin anew, at the first line.

    A finished load keeps the moment of its beginning, so that its follows have the same times again.
    """
    before = store.checkpoint(edges.key) if edges.key and not restart else None
    if before is None:
        return Checkpoint.begin(edges.key, edges.name)
    if before.finished_at is None:
        note(f"going on behind line {before.line:,} of the load that began at {before.started_at:%Y-%m-%d %H:%M:%S} UTC")
        return before
    note(f"this was loaded until {before.finished_at:%Y-%m-%d %H:%M:%S} UTC; going through it again")
    return Checkpoint(edges.key, edges.name, before.started_at)
