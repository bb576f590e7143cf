"""Pages from PostgreSQL, by way of products, while Elasticsearch is away: names that hold the words, newest first."""

from dataclasses import dataclass
from typing import Protocol

import msgspec

from services.contracts.products import DropPage, DropState, ProductPage, Sought
from services.contracts.search import SearchFilter, SearchHit, SearchKind, Suggestion
from services.search.domain import plain_hit_of_drop, plain_hit_of_product


class PlainPlace(msgspec.Struct, array_like=True):
    """Where a plain page begins. drops: behind all products. after: the cursor of products."""

    drops: bool
    after: str | None = None


class Source(Protocol):
    """What of products is asked."""

    def find_products(self, *, sought: Sought, first: int = 20, after: str | None = None) -> ProductPage: ...

    def find_drops(
        self, *, sought: Sought, states: list[DropState] | None = None, first: int = 20, after: str | None = None
    ) -> DropPage: ...


@dataclass(frozen=True)
class Shelves:
    products: Source


def page(
    shelves: Shelves, text: str, filter: SearchFilter, first: int, place: PlainPlace | None
) -> tuple[list[SearchHit], PlainPlace | None]:
    """Hits, and where the next page begins: first all products, then all drops. Creators are not there."""
    wants_products = SearchKind.PRODUCT in (filter.kinds or SearchKind) and not filter.states
    wants_drops = SearchKind.DROP in (filter.kinds or SearchKind)
    at = place or PlainPlace(drops=not wants_products)
    sought = Sought(text.strip(), filter.creator_id, filter.tags, filter.currency, filter.min_price, filter.max_price)
    if not at.drops:
        found = shelves.products.find_products(sought=sought, first=first, after=at.after)
        hits = [plain_hit_of_product(product) for product in found.products]
        return hits, PlainPlace(False, found.next) if found.next else PlainPlace(True) if wants_drops else None
    if not wants_drops:
        return [], None
    drops = shelves.products.find_drops(sought=sought, states=filter.states, first=first, after=at.after)
    return [plain_hit_of_drop(drop) for drop in drops.drops], PlainPlace(True, drops.next) if drops.next else None


def suggestions(shelves: Shelves, text: str, first: int) -> list[Suggestion]:
    """Products with a word that begins as the last one does; in PostgreSQL it may be in the middle of a word, too."""
    begun = text.lower().split()[-1]
    found = shelves.products.find_products(sought=Sought(text.strip()), first=100)
    named = {product.name: product for product in found.products if any(word.startswith(begun) for word in product.name.lower().split())}
    return [Suggestion(SearchKind.PRODUCT, product.id, product.name) for product in named.values()][:first]
