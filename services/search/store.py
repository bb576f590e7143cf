"""All I/O of the indexes: reading pages through points in time, and writing documents that only newer ones replace."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from services.kernel.cache import Cache
from services.search.domain import Document
from services.search.engine import Away, Engine, Missing, Refused
from services.search.index import Names

# A point in time lives so long after its last use.
KEPT_S = 120
# First pages that come within this time share one: what is found is no older than this and the index's refresh.
SHARED_S = 0.3
# Points in time that a process remembers by itself; the others are in Redis.
REMEMBERED = 1_000
FAMILY = "searchpit"
# Documents of one request.
BULK = 100
# Times that a batch is written again because an index came or went meanwhile. Indexes do so a few times a year.
ROUNDS = 5


class Snapshot(NamedTuple):
    """handle: by which cursors know it. id: by which Elasticsearch does."""

    handle: str
    id: str


class Snapshots:
    """Points in time: each page of a search is of the same moment, so nothing comes twice or is passed over while documents change.

    One is opened for all first pages of a moment, not one each. A process that does not know a handle asks Redis; where nobody knows it any
    more, pages go on without: on the index as it is, from the same place in the order.
    """

    def __init__(self, engine: Engine, names: Names, cache: Cache) -> None:
        self._engine = engine
        self._names = names
        self._cache = cache
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._current: Snapshot | None = None
        self._opened_at = 0.0
        self._known: OrderedDict[str, str] = OrderedDict()

    def current(self) -> Snapshot:
        """That of now. Raises Away, Missing (no index)."""
        found = self._fresh()
        if found is None:
            # Who comes while one is opened waits for it, for less time than opening another would take.
            with self._opening:
                found = self._fresh() or self._open()
        return found

    def find(self, handle: str) -> Snapshot | None:
        """One that was opened before, here or elsewhere."""
        with self._lock:
            known = self._known.get(handle)
        if known is None:
            fields = self._cache.fields(FAMILY, _redis_key(handle))
            known = fields[b"id"].decode() if fields else None
        return Snapshot(handle, known) if known else None

    def forget(self, snapshot: Snapshot) -> None:
        """It is gone: the server was restarted, or its time was over."""
        with self._lock:
            self._known.pop(snapshot.handle, None)
            if self._current == snapshot:
                self._current = None

    def _fresh(self) -> Snapshot | None:
        with self._lock:
            return self._current if time.monotonic() - self._opened_at < SHARED_S else None

    def _open(self) -> Snapshot:
        began = time.monotonic()
        answer = self._engine.read("POST", f"/{self._names.reads}/_pit?keep_alive={KEPT_S}s&allow_partial_search_results=false")
        opened = Snapshot(secrets.token_hex(6), answer["id"])
        with self._lock:
            self._current, self._opened_at = opened, began
            self._known[opened.handle] = opened.id
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self._cache.set_if_newer(FAMILY, _redis_key(opened.handle), 1, KEPT_S, {"id": opened.id})
        return opened


def _redis_key(handle: str) -> str:
    return f"{FAMILY}:{{{handle}}}"


class Pages:
    """Reads the index in use."""

    def __init__(self, engine: Engine, names: Names, cache: Cache) -> None:
        self.engine = engine
        self.snapshots = Snapshots(engine, names, cache)
        self._names = names

    def search(self, body: Mapping[str, Any], snapshot: Snapshot | None) -> Any:
        """The answer as it comes; of the index as it is now where there is no snapshot. Raises Away, Missing (snapshot, index)."""
        if snapshot is None:
            answer = self._search_in_use(body)
        else:
            pit = {"id": snapshot.id, "keep_alive": f"{KEPT_S}s"}
            answer = self.engine.read("POST", "/_search", {**body, "pit": pit}, perishable=True)
        if answer["timed_out"]:
            raise Away("Elasticsearch: it took too long")
        return answer

    def _search_in_use(self, body: Mapping[str, Any]) -> Any:
        """An index that is replaced between two steps of a search fails it; the next one is there already."""
        path = f"/{self._names.reads}/_search?allow_partial_search_results=false"
        if "search_after" in body:
            # A place in a point in time has one value more, which means nothing anywhere else.
            body = {**body, "search_after": body["search_after"][: len(body["sort"])]}
        try:
            return self.engine.read("POST", path, body, perishable=True)
        except Missing:
            return self.engine.read("POST", path, body)


class Writer:
    """Writes to all indexes that there are to write to."""

    def __init__(self, engine: Engine, names: Names) -> None:
        self.engine = engine
        self._names = names

    def targets(self) -> set[str]:
        """The indexes that are written to: one, two while another is built, none before the first."""
        try:
            return set(self.engine.write("GET", f"/_alias/{self._names.writes}"))
        except Missing:
            return set()

    def put(self, documents: Sequence[Document]) -> None:
        """Write documents wherever they belong, each unless a newer one is there. Raises Away, also where there is no index yet.

        An index that appears meanwhile is filled from what the services say after it appeared, and this may be older: so the batch is done
        when all that were there after the last write have it.
        """
        written: set[str] = set()
        for _ in range(ROUNDS):
            missing = self.targets() - written
            if not missing and written:
                return
            if not missing:
                raise Away("Elasticsearch: there is no index yet")
            for index in sorted(missing):
                self.put_into(index, documents)
            written |= missing
        raise Away("Elasticsearch: its indexes come and go")

    def put_into(self, index: str, documents: Iterable[Document]) -> None:
        """Write into one index; one that is gone is passed over."""
        batch = list(documents)
        for begin in range(0, len(batch), BULK):
            self._write(index, batch[begin : begin + BULK])

    def _write(self, index: str, documents: Sequence[Document]) -> None:
        operations: list[Any] = []
        for document in documents:
            place = {"_index": self._names.door(index), "_id": document.id, "require_alias": True}
            operations += [{"index": {**place, "version": document.version, "version_type": "external_gte"}}, document.source]
        for outcome in self.engine.bulk(operations):
            # 409: a newer one is there. 404: the index is gone.
            if outcome["status"] in (200, 201, 409, 404):
                continue
            if outcome["status"] in (429, 503):
                raise Away(f"Elasticsearch: {outcome['error'].get('reason')}")
            raise Refused(outcome["status"], str(outcome["error"]))

    def sources(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Documents of the index in use as they were last written, searchable yet or not. None where there is no index."""
        try:
            answer = self.engine.write("POST", f"/{self._names.reads}/_mget", {"ids": list(ids)})
        except Missing:
            return {}
        return {found["_id"]: found["_source"] for found in answer["docs"] if found.get("found")}
