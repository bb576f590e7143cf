"""What the search service can do for those who look for something, one function a use case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from services.contracts.errors import InvalidInput
from services.contracts.search import Reindex, SearchFilter, SearchHit, SearchKind, SearchPage, SearchSort, Suggestion, Suggestions
from services.kernel import ids
from services.kernel.calls import Call
from services.kernel.cursors import Cursors
from services.kernel.read_through import ReadThrough
from services.search import domain, plain, queries
from services.search.engine import Away, Missing
from services.search.plain import PlainPlace, Shelves
from services.search.queries import Question
from services.search.reindexing import JobStore
from services.search.store import Pages, Snapshot


class Place(msgspec.Struct, array_like=True):
    """What a cursor carries: of which question, as of which moment (ms since 1970), and where the next page begins.

    values: of the sort, of the last hit. snapshot: the handle of the point in time. plain: in PostgreSQL instead.
    """

    question: str
    now_ms: int
    values: list[Any] | None = None
    snapshot: str | None = None
    plain: PlainPlace | None = None


@dataclass(frozen=True)
class Desk:
    """What the use cases work with. cached: pages of points in time, which never change: what many ask for is asked for once."""

    pages: Pages
    shelves: Shelves
    cursors: Cursors
    cached: ReadThrough[SearchPage]
    jobs: JobStore


@dataclass(frozen=True)
class Request:
    """A question that was checked, with the place that its cursor names."""

    text: str
    filter: SearchFilter
    sort: SearchSort
    first: int
    facets: bool
    after: str | None
    name: str
    place: Place | None
    now: datetime

    def key(self, snapshot: Snapshot) -> str:
        """What a page of it is known by."""
        return ids.derived_id(self.name, snapshot.handle, self.first, self.facets, self.after)


def search(desk: Desk, text: str, filter: SearchFilter, sort: SearchSort, first: int, after: str | None, facets: bool) -> SearchPage:
    """A page; a plain one where Elasticsearch is away. Raises InvalidInput, and Unavailable where PostgreSQL can't answer either."""
    request = _request(desk, text, filter, sort, first, after, facets)
    if request.place is None or request.place.plain is None:
        try:
            return _page(desk, request)
        except (Away, Missing):
            pass
    return plain_page(desk, request)


def _request(desk: Desk, text: str, filter: SearchFilter, sort: SearchSort, first: int, after: str | None, facets: bool) -> Request:
    asks_for_price = filter.min_price is not None or filter.max_price is not None or sort in queries.BY_PRICE
    if asks_for_price and filter.currency is None:
        raise InvalidInput("Say in which currency prices are counted.", field="currency")
    name = ids.derived_id(text, msgspec.json.encode(filter).decode(), sort)
    place = desk.cursors.read(after, Place) if after is not None else None
    if place is not None and place.question != name:
        raise InvalidInput("The cursor belongs to another search.", field="after")
    now = datetime.fromtimestamp(place.now_ms / 1000, UTC) if place else datetime.now(UTC)
    return Request(text, filter, sort, first, facets, after, name, place, now)


def _page(desk: Desk, request: Request) -> SearchPage:
    """Raises Away, Missing (there is no index yet)."""
    snapshot = _snapshot(desk, request)
    if snapshot is None:
        return _ask(desk, request, None)
    try:
        key = request.key(snapshot)
        return desk.cached.get([key], lambda _: {key: _ask(desk, request, snapshot)})[key]
    except Missing:
        # Elasticsearch was restarted, or the time is over.
        desk.pages.snapshots.forget(snapshot)
        return _ask(desk, request, desk.pages.snapshots.current() if request.place is None else None)


def _snapshot(desk: Desk, request: Request) -> Snapshot | None:
    if request.place is None:
        return desk.pages.snapshots.current()
    return desk.pages.snapshots.find(request.place.snapshot) if request.place.snapshot else None


def _ask(desk: Desk, request: Request, snapshot: Snapshot | None) -> SearchPage:
    after = request.place.values if request.place else None
    question = Question(request.text, request.filter, request.sort, request.now, request.first, request.facets, after)
    answer = desk.pages.search(queries.search_body(question), snapshot)
    found, total = answer["hits"]["hits"], answer["hits"]["total"]
    shown = found[: request.first]
    next = _next(desk, request, shown[-1]["sort"], snapshot) if len(found) > request.first else None
    return SearchPage(
        hits=[_hit(hit, request.now) for hit in shown],
        next=next,
        total=total["value"],
        total_is_exact=total["relation"] == "eq",
        facets=queries.facets_of(answer.get("aggregations", {})),
    )


def _hit(hit: Mapping[str, Any], now: datetime) -> SearchHit:
    return domain.hit_of(hit["_source"], hit["_score"] or 0.0, queries.highlights_of(hit), now)


def _next(desk: Desk, request: Request, values: Sequence[Any], snapshot: Snapshot | None) -> str:
    handle = snapshot.handle if snapshot else None
    return desk.cursors.write(Place(request.name, int(request.now.timestamp() * 1000), list(values), handle))


def plain_page(desk: Desk, request: Request) -> SearchPage:
    place = request.place.plain if request.place else None
    hits, more = plain.page(desk.shelves, request.text, request.filter, request.first, place)
    next = desk.cursors.write(Place(request.name, int(request.now.timestamp() * 1000), plain=more)) if more else None
    return SearchPage(hits, next, len(hits), total_is_exact=more is None and place is None, degraded=True)


def suggest(desk: Desk, text: str, first: int) -> Suggestions:
    """Raises Unavailable where PostgreSQL can't answer either."""
    if not text.strip():
        return Suggestions([])
    try:
        answer = desk.pages.search(queries.suggest_body(text, first, datetime.now(UTC)), None)
    except (Away, Missing):
        return Suggestions(plain.suggestions(desk.shelves, text, first), degraded=True)
    return Suggestions(_different([_suggestion(hit["_source"]) for hit in answer["hits"]["hits"]])[:first])


def _suggestion(source: Mapping[str, Any]) -> Suggestion:
    return Suggestion(SearchKind(source["kind"]), source["id"], source["name"])


def _different(suggestions: Sequence[Suggestion]) -> list[Suggestion]:
    """A product and its drops have one name, which is shown once."""
    first: dict[str, Suggestion] = {}
    for suggestion in suggestions:
        first.setdefault(suggestion.text.casefold(), suggestion)
    return list(first.values())


def start_reindex(desk: Desk, call: Call) -> Reindex:
    call.require_operator()
    return desk.jobs.ask().shown()


def get_reindex(desk: Desk, call: Call) -> Reindex:
    call.require_operator()
    return desk.jobs.last().shown()
