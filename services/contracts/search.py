"""Search: the payloads and the Protocol of the search service: products, drops and creators by text, filters and rank."""

from enum import StrEnum
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from .products import Currency, DropState, Tag
from .values import Cursor, Instant, MediaId, Money, PageSize, Units, UserId

# One line, empty for browsing. Longer than this is no question.
SearchText = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Amount = Annotated[int, Meta(ge=0, le=10**12, description="Minor units (cents).")]
Suggested = Annotated[int, Meta(ge=1, le=20)]


class SearchKind(StrEnum):
    PRODUCT = "PRODUCT"
    DROP = "DROP"
    CREATOR = "CREATOR"


class SearchSort(StrEnum):
    """RELEVANCE: by text, popularity, freshness, and live first. NEWEST: by creation. PRICE_*: of one currency, without creators."""

    RELEVANCE = "RELEVANCE"
    NEWEST = "NEWEST"
    PRICE_ASCENDING = "PRICE_ASCENDING"
    PRICE_DESCENDING = "PRICE_DESCENDING"


class SearchFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a hit must be: all of these; of a list, one of it. An empty list and null ask for nothing.

    states: of drops, and so only drops. min_price and max_price count in minor units of `currency`, which they need; so do sorts by price.
    """

    kinds: Annotated[list[SearchKind], Meta(max_length=3)] = []
    creator_id: UserId | None = None
    states: Annotated[list[DropState], Meta(max_length=5)] = []
    tags: Annotated[list[Tag], Meta(max_length=10)] = []
    currency: Currency | None = None
    min_price: Amount | None = None
    max_price: Amount | None = None


class Highlight(msgspec.Struct, frozen=True):
    """Where the text was found. fragments: HTML-escaped, with <em> around what fits."""

    field: str
    fragments: list[str]


class SearchHit(msgspec.Struct, frozen=True):
    """A product, drop or creator as the index knows it, a moment behind. state: of a drop, at the time of asking.

    name: of a creator, the display name. creator_id: of a creator, themselves. followers: of the creator. price: of a drop, of one unit.
    """

    kind: SearchKind
    id: str
    name: str
    creator_id: UserId
    creator_name: str
    score: float
    created_at: Instant
    followers: Units = 0
    price: Money | None = None
    tags: list[str] = []
    media: list[MediaId] = []
    product_id: str | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    state: DropState | None = None
    highlights: list[Highlight] = []


class FacetValue(msgspec.Struct, frozen=True):
    value: str
    count: Units


class Facet(msgspec.Struct, frozen=True):
    """How many hits have each value: of `kind`, `state`, `creator`, `tag`, `currency` and `price` (in ranges)."""

    name: str
    values: list[FacetValue]


class SearchPage(msgspec.Struct, frozen=True):
    """total: of hits; a lower bound where `total_is_exact` is false. next: the cursor of the page behind it, null at the end.

    degraded: the search engine is away, and PostgreSQL answers by plain text, without creators, facets and highlights.
    """

    hits: list[SearchHit]
    next: Cursor | None
    total: Units
    total_is_exact: bool
    facets: list[Facet] = []
    degraded: bool = False


class Suggestion(msgspec.Struct, frozen=True):
    """A name that begins with, or has a word that begins with, what was typed."""

    kind: SearchKind
    id: str
    text: str


class Suggestions(msgspec.Struct, frozen=True):
    suggestions: list[Suggestion]
    degraded: bool = False


class ReindexState(StrEnum):
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


class Reindex(msgspec.Struct, frozen=True):
    """The building of a new index beside the one in use. done, total: things written so far, and an estimate of how many there are."""

    state: ReindexState
    phase: str
    done: Units
    total: Units
    requested_at: Instant
    finished_at: Instant | None
    message: str = ""


class Search(Protocol):
    """The search service. What it answers is a moment behind the services that own it."""

    def search(
        self,
        *,
        text: SearchText = "",
        filter: SearchFilter = SearchFilter(),
        sort: SearchSort = SearchSort.RELEVANCE,
        first: PageSize = 20,
        after: Cursor | None = None,
        facets: bool = False,
    ) -> SearchPage:
        """A page of what fits, best first. Raises InvalidInput (a cursor of another search or too old, a price without a currency)."""

    def suggest(self, *, text: SearchText, first: Suggested = 8) -> Suggestions:
        """Completions of what is being typed, best first."""

    def start_reindex(self) -> Reindex:
        """Build a new index and swap to it; one that is under way is answered as it is. For operators. Raises Forbidden."""

    def get_reindex(self) -> Reindex:
        """How far the last one is. For operators. Raises NotFound where none was ever asked for, Forbidden."""
