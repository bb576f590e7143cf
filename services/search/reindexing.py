"""The building of an index beside the one in use, in steps, and the swap.

From its first moment on the new index is written to by the events, too. Everything there is is then read from the services and written, each unless
something newer is there; then the alias moves, in one step, and the old index is deleted. Readers see a whole index at any time, and no change
is missed: one from before the building is in what is read, one from after it is written by its event.

What is under way is a document, changed only by compare and swap: a step that belongs to somebody else's turn fails. Its holder dies, and
another goes on with the same step; a step done twice writes the same. No clock is compared between machines.
"""

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import msgspec

from services.contracts.errors import NotFound, Unavailable
from services.contracts.search import Reindex, ReindexState
from services.kernel import failpoints
from services.search.domain import Document
from services.search.engine import Engine, Missing, Refused
from services.search.index import LAYOUT, Names, definition
from services.search.reading import Page, Sources
from services.search.store import Writer

T = TypeVar("T")
log = logging.getLogger("livedrops.search")
# Taken over when its holder has been silent for so long: longer than any step takes, and its calls have deadlines.
SILENT_S = 10.0
# Read and written in a step: half a second's work, and little of it is done again by another.
PAGES_A_STEP = 5
# Steps of one round; between rounds the process may stop.
STEPS = 4
# So often it is looked whether there is an index, and one that fits.
LOOK_EVERY_S = 2.0
# After one that failed, the next begins by itself.
AFTER_FAILURE_S = 30.0
# Tombstones are taken along for so long: an older write is not under way any more.
TOMBSTONES_KEPT = timedelta(days=1)
TOMBSTONES_AT_ONCE = 500
_ID = "reindex"
_EXISTS = 400


class Job(msgspec.Struct):
    """index: that is built. cursor: where the phase goes on. holder: whose turn it is."""

    requested_at: datetime
    index: str
    state: ReindexState = ReindexState.RUNNING
    phase: str = "waiting"
    cursor: Any = None
    done: int = 0
    total: int = 0
    holder: str = ""
    finished_at: datetime | None = None
    message: str = ""

    def shown(self) -> Reindex:
        return Reindex(self.state, self.phase, self.done, self.total, self.requested_at, self.finished_at, self.message)


class Turn(NamedTuple):
    """Which write of the document was read: only from there it is changed."""

    seq_no: int
    term: int


class JobStore:
    """The last job, in an index of its own."""

    def __init__(self, engine: Engine, names: Names) -> None:
        self._engine = engine
        self._names = names

    def find(self) -> tuple[Job, Turn] | None:
        """Raises Away."""
        try:
            found = self._engine.write("GET", f"/{self._names.state}/_doc/{_ID}")
        except Missing:
            return None
        return msgspec.convert(found["_source"], Job), Turn(found["_seq_no"], found["_primary_term"])

    def write(self, job: Job, turn: Turn | None) -> Turn | None:
        """Over what was read, nothing for None. None where somebody was faster. Raises Away."""
        condition = f"if_seq_no={turn.seq_no}&if_primary_term={turn.term}" if turn else "op_type=create"
        try:
            answer = self._engine.write("PUT", f"/{self._names.state}/_doc/{_ID}?{condition}", msgspec.to_builtins(job))
        except Refused as error:
            if error.status == 409:
                return None
            raise
        return Turn(answer["_seq_no"], answer["_primary_term"])

    def ask(self) -> Job:
        """Begin one; one that is under way is answered as it is. Raises Away."""
        self._make()
        while True:
            found = self.find()
            if found and found[0].state is ReindexState.RUNNING:
                return found[0]
            now = datetime.now(UTC)
            job = Job(now, self._names.fresh(now))
            if self.write(job, found[1] if found else None):
                return job

    def last(self) -> Job:
        """Raises NotFound, Away."""
        found = self.find()
        if found is None:
            raise NotFound("No reindex was ever asked for.")
        return found[0]

    def _make(self) -> None:
        settings = {"number_of_shards": 1, "auto_expand_replicas": "0-1"}
        try:
            self._engine.write("PUT", f"/{self._names.state}", {"settings": settings, "mappings": {"dynamic": False}})
        except Refused as error:
            if error.status != _EXISTS:
                raise


class Rebuilder:
    """Does the work, a step at a time, when it is its turn."""

    def __init__(self, engine: Engine, names: Names, writer: Writer, sources: Sources, jobs: JobStore, shards: int) -> None:
        self._engine = engine
        self._names = names
        self._writer = writer
        self._sources = sources
        self._jobs = jobs
        self._shards = shards
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._seen: tuple[Turn, float] | None = None
        self._look_at = 0.0
        self._phases: dict[str, Callable[[Job], None]] = {
            "waiting": self._make_index,
            "tombstones": self._copy_tombstones,
            "products": self._copy_products,
            "drops": self._copy_drops,
            "creators": self._copy_creators,
            "swap": self._swap,
        }

    def round(self) -> bool:
        """Some steps, where there are any to do. Whether there are more. Raises Unavailable: the same step is done again."""
        return all(self.step() for _ in range(STEPS))

    def step(self) -> bool:
        """One step, where there is one to do and it is this process's turn. Whether there was. Raises Unavailable."""
        claimed = self._claim()
        if claimed is not None:
            self._do(*claimed)
        return claimed is not None

    def _claim(self) -> tuple[Job, Turn] | None:
        """The job, where it is this process's turn."""
        found = self._jobs.find()
        if found is None or found[0].state is not ReindexState.RUNNING:
            self._begin_where_needed(found[0] if found else None)
            return None
        job, turn = found
        if job.holder == self.holder:
            return found
        if self._seen is None or self._seen[0] != turn:
            self._seen = turn, time.monotonic()
        if job.holder and time.monotonic() - self._seen[1] < SILENT_S:
            return None
        job.holder = self.holder
        taken = self._jobs.write(job, turn)
        if taken:
            log.info("building an index", extra={"index": job.index, "phase": job.phase})
        return (job, taken) if taken else None

    def _begin_where_needed(self, last: Job | None) -> None:
        """The first index, one in the place of what was lost, and one in the place of an older layout are built unasked."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_EVERY_S
        if self._has_fitting_index():
            return
        if (
            last is not None
            and last.state is ReindexState.FAILED
            and datetime.now(UTC) - last.requested_at < timedelta(seconds=AFTER_FAILURE_S)
        ):
            return
        self._jobs.ask()

    def _has_fitting_index(self) -> bool:
        try:
            found = self._engine.write("GET", f"/{self._names.reads}/_mapping")
        except Missing:
            return False
        return all(index["mappings"].get("_meta", {}).get("layout", 0) >= LAYOUT for index in found.values())

    def _do(self, job: Job, turn: Turn) -> None:
        try:
            self._phases[job.phase](job)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("an index could not be built")
            job.state, job.message, job.finished_at = ReindexState.FAILED, str(error)[:500], datetime.now(UTC)
        failpoints.reach("reindex.before_move_on")
        self._jobs.write(job, turn)  # where somebody else has the turn by now, they have done this step, or do it again

    def _move_to(self, job: Job, phase: str) -> None:
        job.phase, job.cursor = phase, None

    def _make_index(self, job: Job) -> None:
        in_use = self._in_use()
        self._delete(set(self._all()) - in_use - {job.index})
        try:
            self._engine.write("PUT", f"/{job.index}", definition(self._names, job.index, self._shards))
        except Refused as error:
            if error.status != _EXISTS:
                raise
        job.total = self._count() if in_use else 0
        self._move_to(job, "tombstones" if in_use else "products")

    def _copy_tombstones(self, job: Job) -> None:
        """What is gone can't be read from anybody any more."""
        if job.cursor is None:
            self._engine.write("POST", f"/{self._names.reads}/_refresh")
        since = (datetime.now(UTC) - TOMBSTONES_KEPT).isoformat()
        body: dict[str, Any] = {
            "query": {"bool": {"filter": [{"term": {"deleted": True}}, {"range": {"deleted_at": {"gte": since}}}]}},
            "sort": [{"key": "asc"}],
            "size": TOMBSTONES_AT_ONCE,
            "version": True,
        }
        if job.cursor is not None:
            body["search_after"] = [job.cursor]
        found = self._engine.write("POST", f"/{self._names.reads}/_search", body)["hits"]["hits"]
        self._writer.put_into(job.index, [Document(one["_id"], one["_version"], one["_source"]) for one in found])
        if len(found) < TOMBSTONES_AT_ONCE:
            self._move_to(job, "products")
        else:
            job.cursor = found[-1]["sort"][0]

    def _copy_products(self, job: Job) -> None:
        self._copy(job, self._sources.all_products(after=job.cursor), self._sources.of_products, "drops")

    def _copy_drops(self, job: Job) -> None:
        self._copy(job, self._sources.all_drops(after=job.cursor), self._sources.of_drops, "creators")

    def _copy_creators(self, job: Job) -> None:
        self._copy(job, self._sources.all_profiles(job.cursor), self._sources.of_creators, "swap")

    def _copy(self, job: Job, pages: Iterator[Page[T]], documents_of: Callable[[list[T]], list[Document]], then: str) -> None:
        for things, cursor in islice(pages, PAGES_A_STEP):
            documents = documents_of(things)
            self._writer.put_into(job.index, documents)
            job.done += sum(not document.source["deleted"] for document in documents)
            job.cursor = cursor
        if job.cursor is None:
            self._move_to(job, then)

    def _swap(self, job: Job) -> None:
        """All at once: readers go from the old index to the new one, and the old one is gone."""
        self._engine.write("POST", f"/{job.index}/_refresh")
        old = self._in_use() - {job.index}
        actions: list[Any] = [{"add": {"index": job.index, "alias": self._names.reads}}]
        actions += [{"remove_index": {"index": index}} for index in sorted(old)]
        self._engine.write("POST", "/_aliases", {"actions": actions})
        job.state, job.phase, job.finished_at, job.total = ReindexState.DONE, "done", datetime.now(UTC), job.done
        log.info("an index was built", extra={"index": job.index, "things": job.done})

    def _in_use(self) -> set[str]:
        try:
            return set(self._engine.write("GET", f"/_alias/{self._names.reads}"))
        except Missing:
            return set()

    def _all(self) -> set[str]:
        return set(self._engine.write("GET", f"/{self._names.pattern}/_alias"))

    def _delete(self, indexes: set[str]) -> None:
        """What one that was given up has left."""
        for index in sorted(indexes):
            try:
                self._engine.write("DELETE", f"/{index}")
            except Missing:
                continue

    def _count(self) -> int:
        answer: dict[str, int] = self._engine.write("POST", f"/{self._names.reads}/_count", {"query": {"term": {"deleted": False}}})
        return answer["count"]
