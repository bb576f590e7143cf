"""What the services say now, as documents: products, drops with their stock, creators. Everything is asked for anew, past all caches."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from services.contracts.errors import NotFound
from services.contracts.orders import Orders
from services.contracts.products import Drop, Product, Products
from services.contracts.search import SearchKind
from services.contracts.users import Profile, Users
from services.kernel import calls
from services.kernel.cache import batched
from services.search import domain
from services.search.domain import Document

T = TypeVar("T")
# What is on a page, and the cursor of the next, None at the end.
Page = tuple[list[T], str | None]
# As many as one RPC takes.
PAGE = 100
# Each call has its own deadline: what is read belongs to nobody who waits.
CALL_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Sources:
    """Who is asked. Calls raise LiveDropsError."""

    products: Products
    users: Users
    orders: Orders

    def product_documents(self, product_ids: Iterable[str]) -> list[Document]:
        return self.of_products(_each(product_ids, lambda ids: self.products.get_products(product_ids=ids)))

    def drop_documents(self, drop_ids: Iterable[str]) -> list[Document]:
        return self.of_drops(_each(drop_ids, lambda ids: self.products.get_drops(drop_ids=ids)))

    def creator_documents(self, user_ids: Iterable[str]) -> list[Document]:
        """Of those who sell; tombstones for those who do so no more, or are gone."""
        wanted = list(dict.fromkeys(user_ids))
        known, now = self._profiles(wanted), datetime.now(UTC)
        gone = [domain.tombstone(SearchKind.CREATOR, user_id, domain.GONE, now) for user_id in wanted if user_id not in known]
        return self.of_creators(known.values()) + gone

    def of_products(self, products: Sequence[Product]) -> list[Document]:
        creators = self._profiles(product.creator_id for product in products)
        return [domain.product_document(product, creators.get(product.creator_id)) for product in products]

    def of_drops(self, drops: Sequence[Drop]) -> list[Document]:
        found = _each((drop.product_id for drop in drops), lambda ids: self.products.get_products(product_ids=ids))
        products = {product.id: product for product in found}
        stocks = {stock.drop_id: stock for stock in _each((drop.id for drop in drops), lambda ids: self.orders.get_stocks(drop_ids=ids))}
        creators = self._profiles(drop.creator_id for drop in drops)
        return [
            domain.drop_document(drop, products.get(drop.product_id), stocks.get(drop.id), creators.get(drop.creator_id)) for drop in drops
        ]

    @staticmethod
    def of_creators(profiles: Iterable[Profile]) -> list[Document]:
        now = datetime.now(UTC)
        made = (domain.creator_document(profile, now) for profile in profiles)
        return [document for document in made if document is not None]

    def all_products(self, creator_id: str | None = None, after: str | None = None) -> Iterator[Page[Product]]:
        while True:
            with _in_time():
                page = self.products.list_products(creator_id=creator_id, first=PAGE, after=after)
            yield page.products, (after := page.next)
            if after is None:
                return

    def all_drops(self, creator_id: str | None = None, product_id: str | None = None, after: str | None = None) -> Iterator[Page[Drop]]:
        """No page for a product that there is not."""
        while True:
            try:
                with _in_time():
                    page = self.products.list_drops(creator_id=creator_id, product_id=product_id, first=PAGE, after=after)
            except NotFound:
                return
            yield page.drops, (after := page.next)
            if after is None:
                return

    def all_profiles(self, after: str | None) -> Iterator[Page[Profile]]:
        while True:
            with _in_time():
                page = self.users.list_profiles(first=PAGE, after=after)
            yield page.profiles, (after := page.next)
            if after is None:
                return

    def _profiles(self, user_ids: Iterable[str]) -> dict[str, Profile]:
        found = _each(user_ids, lambda ids: self.users.get_profiles(user_ids=ids, fresh=True))
        return {profile.user_id: profile for profile in found}


def _each(ids: Iterable[str], ask: Callable[[list[str]], list[Any]]) -> list[Any]:
    """What is answered for all of them, each asked for once."""
    found: list[Any] = []
    for batch in batched(dict.fromkeys(ids), PAGE):
        with _in_time():
            found += ask(batch)
    return found


@contextmanager
def _in_time() -> Iterator[None]:
    with calls.under(calls.begin(CALL_TIMEOUT_S, calls.correlation_id())):
        yield
