"""What documents say and how old and new ones are told apart, without a server."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.contracts.orders import Stock, StockState
from services.contracts.products import Drop, DropState, Product
from services.contracts.search import SearchKind
from services.contracts.users import Profile
from services.contracts.values import Money
from services.search import domain
from services.search.domain import GONE, Document

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ID, OTHER = str(uuid.uuid4()), str(uuid.uuid4())
PRICE = Money(4900, "EUR")
PRODUCT = Product(ID, OTHER, "A shirt", PRICE, "Blue", ["sport"], [ID], 3, NOW, NOW)
CREATOR = Profile(OTHER, "Ann", "Paints", "", True, NOW, 5, 7)
HOUR = timedelta(hours=1)


def drop(**changes: Any) -> Drop:
    whole = Drop(ID, ID, OTHER, "A shirt", NOW - HOUR, NOW + HOUR, 10, None, PRICE, {}, DropState.LIVE, None, 2, NOW, NOW)
    return structs.replace(whole, **changes)


def stock(available: int, version: int = 4) -> Stock:
    return Stock(ID, OTHER, "A shirt", NOW, NOW, 10, available, 0, 10 - available, PRICE, None, version, StockState.LIVE)


@pytest.mark.parametrize(
    ("told", "left", "state"),
    [
        (drop(), None, DropState.LIVE),
        (drop(), 1, DropState.LIVE),
        (drop(), 0, DropState.SOLD_OUT),
        (drop(starts_at=NOW), 1, DropState.LIVE),
        (drop(starts_at=NOW + HOUR / 2), 1, DropState.SCHEDULED),
        (drop(ends_at=NOW), 0, DropState.ENDED),
        (drop(cancelled_at=NOW), 0, DropState.CANCELLED),
    ],
)
def test_a_drop_is_in_the_state_that_its_window_says(told: Drop, left: int | None, state: DropState) -> None:
    document = domain.drop_document(told, PRODUCT, None if left is None else stock(left), CREATOR)
    assert domain.hit_of(document.source, 1.0, [], NOW).state is state


def test_a_hit_says_what_the_services_say() -> None:
    hit = domain.hit_of(domain.drop_document(drop(), PRODUCT, None, CREATOR).source, 2.5, [], NOW)
    assert (hit.kind, hit.id, hit.product_id, hit.score) == (SearchKind.DROP, ID, ID, 2.5)
    assert (hit.creator_name, hit.followers, hit.tags, hit.media, hit.price) == ("Ann", 7, ["sport"], [ID], PRICE)
    assert (hit.created_at, hit.starts_at) == (NOW, NOW - HOUR)
    creator = domain.creator_document(CREATOR, NOW)
    assert creator is not None
    shown = domain.hit_of(creator.source, 1.0, [], NOW)
    assert (shown.name, shown.creator_id, shown.price, shown.state) == ("Ann", OTHER, None, None)


def test_a_fan_leaves_nothing_and_who_sells_no_more_a_tombstone() -> None:
    fan = structs.replace(CREATOR, is_creator=False)
    assert domain.creator_document(structs.replace(fan, version=1), NOW) is None
    left = domain.creator_document(fan, NOW)
    assert left is not None
    assert (left.version, left.source["deleted"]) == (5, True)


def test_what_is_sold_by_somebody_who_is_gone_is_newer_than_all_before() -> None:
    before = domain.product_document(structs.replace(PRODUCT, version=2**40), structs.replace(CREATOR, version=2**40))
    after = domain.product_document(PRODUCT, None)
    assert after.version > before.version
    assert (after.source["creator_name"], after.source["followers"]) == ("", 0)
    assert 4 * GONE < 2**63


@pytest.mark.parametrize(
    ("indexed", "followers", "apart"), [(0, 0, False), (0, 1, True), (10, 11, False), (10, 12, True), (1000, 901, False), (1000, 899, True)]
)
def test_followers_are_told_on_when_they_make_a_difference(indexed: int, followers: int, apart: bool) -> None:
    assert domain.has_grown_apart(indexed, followers) is apart


class World:
    """A product and its creator that change, and handlers that read the one, then the other, and write, all of it a step at a time.

    Each change is followed by a handler of its own that begins after it. The index keeps the higher version, the later of equal ones.
    """

    def __init__(self) -> None:
        self.product, self.creator = PRODUCT, CREATOR
        self.index: Document | None = None
        self.handlers: list[list[Any]] = []

    def change(self, of_creator: bool) -> None:
        if of_creator:
            self.creator = structs.replace(self.creator, version=self.creator.version + 1, display_name=f"{self.creator.version}")
        else:
            self.product = structs.replace(self.product, version=self.product.version + 1, name=f"{self.product.version}")
        self.hear(of_creator)

    def hear(self, creator_first: bool) -> None:
        self.handlers.append([creator_first, None, None])

    def step(self, number: int) -> None:
        """The next step of one of those at work."""
        if not self.handlers:
            return
        handler = self.handlers[number % len(self.handlers)]
        creator_first, product, creator = handler
        if product is None and (creator is not None or not creator_first):
            handler[1] = self.product
        elif creator is None:
            handler[2] = self.creator
        else:
            self.handlers.remove(handler)
            self._write(domain.product_document(product, creator))

    def _write(self, document: Document) -> None:
        if self.index is None or document.version >= self.index.version:
            self.index = document


@settings(max_examples=500)
@given(st.lists(st.tuples(st.sampled_from(["change", "change creator", "hear again", "step", "step"]), st.integers(0, 20)), max_size=60))
def test_the_last_document_is_what_is_true_in_whatever_order_handlers_work(script: Sequence[tuple[str, int]]) -> None:
    world = World()
    world.change(of_creator=False)
    for what, number in script:
        if what == "step":
            world.step(number)
        elif what == "hear again":
            world.hear(creator_first=bool(number % 2))
        else:
            world.change(of_creator=what == "change creator")
    for number in range(1000):
        world.step(number)
    assert world.handlers == []
    assert world.index == domain.product_document(world.product, world.creator)
