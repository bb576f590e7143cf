"""The rules of the sale, without a server: examples, and a state machine that tries to break the books."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from services.contracts.errors import Conflict, Ended, InvalidInput, LiveDropsError
from services.contracts.orders import ChangeStock, OpenStock, Order, OrderStatus, PlaceOrder, StockState
from services.contracts.values import Money
from services.orders import announcements, domain
from services.orders.domain import RESALE_DELAY, Book, History

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(hours=1)
NOW = START + timedelta(minutes=1)
DROP = "00000000-0000-4000-8000-000000000001"


def book(**changes: Any) -> Book:
    values: dict[str, Any] = {"total": 10, "available": 10, "held": 0, "sold": 0, "per_user_limit": None, "version": 1, "resale_at": None}
    return Book(DROP, DROP, "A shirt", START, END, unit_price=Money(100, "EUR"), **{**values, **changes})


def wish(user: str = "ann", quantity: int = 1, key: str = "k") -> PlaceOrder:
    return PlaceOrder(DROP, user, quantity, key)


def ids() -> Any:
    return (f"order-{number}" for number in itertools.count())


def outcomes(of: Book, *wishes: PlaceOrder, history: History | None = None, now: datetime = NOW) -> list[Any]:
    """Order quantities, or codes of refusals, in order."""
    settled = domain.settle(of, history or History(), wishes, now, ids())
    return [outcome.code if isinstance(outcome, LiveDropsError) else outcome.quantity for outcome in settled.outcomes]


def test_units_go_in_order_of_arrival_until_none_is_left() -> None:
    assert outcomes(book(total=2, available=2), wish(key="a"), wish(key="b"), wish(key="c")) == [1, 1, "SOLD_OUT"]


def test_a_quantity_above_what_remains_does_not_turn_the_next_one_away() -> None:
    assert outcomes(book(total=2, available=2), wish(key="a", quantity=3), wish(key="b", quantity=2)) == ["INSUFFICIENT_STOCK", 2]


def test_the_same_key_twice_in_a_batch_is_one_order() -> None:
    settled = domain.settle(book(), History(), [wish(), wish()], NOW, ids())
    assert len(settled.sales) == 1
    assert settled.outcomes[0] == settled.outcomes[1]


def test_a_key_used_for_another_quantity_is_refused() -> None:
    assert outcomes(book(), wish(quantity=1), wish(quantity=2)) == [1, "IDEMPOTENCY_KEY_REUSED"]


def test_two_people_may_use_the_same_key() -> None:
    assert outcomes(book(), wish("ann"), wish("bob")) == [1, 1]


def test_an_earlier_order_is_answered_even_when_nothing_is_left() -> None:
    settled = domain.settle(book(), History(), [wish()], NOW, ids())
    earlier = settled.sales[0].order
    gone = book(available=0, sold=10)
    again = domain.settle(gone, History({("ann", "k"): earlier}), [wish()], END + timedelta(days=1), ids())
    assert again.outcomes == (earlier,)
    assert again.after == gone


def test_the_limit_counts_what_a_person_has_and_what_the_batch_gives() -> None:
    limited = book(per_user_limit=3)
    history = History(units={"ann": 1})
    assert outcomes(limited, wish(key="a"), wish(key="b"), wish(key="c"), history=history) == [1, 1, "LIMIT_REACHED"]


@pytest.mark.parametrize(
    ("now", "expected"),
    [(START - timedelta(microseconds=1), "NOT_STARTED"), (START, 1), (END - timedelta(microseconds=1), 1), (END, "ENDED")],
)
def test_a_sale_lasts_from_its_start_to_just_before_its_end(now: datetime, expected: object) -> None:
    assert outcomes(book(), wish(), now=now) == [expected]


def order(quantity: int = 1, status: OrderStatus = OrderStatus.CONFIRMED) -> Order:
    return Order("o", DROP, "ann", quantity, status, Money(100, "EUR"), NOW, "A shirt")


def test_units_that_return_to_a_sold_out_drop_are_sold_after_the_delay_only() -> None:
    returned = domain.give_back(book(available=0, sold=10), order(), NOW)
    assert returned.available == 1
    assert outcomes(returned, wish(), now=NOW + RESALE_DELAY / 2) == ["SOLD_OUT"]
    assert outcomes(returned, wish(), now=NOW + RESALE_DELAY) == [1]


def test_units_that_go_on_returning_do_not_put_the_resale_off() -> None:
    first = domain.give_back(book(available=0, sold=10), order(), NOW)
    second = domain.give_back(first, order(), NOW + RESALE_DELAY / 2)
    assert second.resale_at == first.resale_at


def test_a_held_order_gives_back_what_was_held() -> None:
    after = domain.give_back(book(available=7, held=3), order(3, OrderStatus.HELD), NOW)
    assert (after.available, after.held, after.sold) == (10, 0, 0)


def test_an_ended_order_has_nothing_to_give_back() -> None:
    with pytest.raises(ValueError, match="holds no units"):
        domain.give_back(book(), order(status=OrderStatus.CANCELLED), NOW)


def test_stock_may_shrink_to_what_is_sold_and_no_further() -> None:
    sold = book(available=6, sold=4)
    assert domain.changed(sold, ChangeStock(DROP, "less", total=4), NOW).available == 0
    with pytest.raises(Conflict):
        domain.changed(sold, ChangeStock(DROP, "less", total=3), NOW)


def test_a_change_made_on_a_stale_version_is_refused() -> None:
    with pytest.raises(Conflict):
        domain.changed(book(version=5), ChangeStock(DROP, "more", expected_version=4, total=20), NOW)


def test_an_ended_sale_can_not_be_changed() -> None:
    with pytest.raises(Ended):
        domain.changed(book(), ChangeStock(DROP, "more", total=20), END)


def test_a_window_must_end_after_it_starts() -> None:
    with pytest.raises(InvalidInput):
        domain.changed(book(), ChangeStock(DROP, "swap", starts_at=END, ends_at=START), NOW)
    with pytest.raises(InvalidInput):
        domain.opened(OpenStock(DROP, DROP, "A shirt", END, START, 1, Money(1, "EUR")))


def test_closing_ends_the_sale_now_and_once() -> None:
    closed = domain.closed(book(), NOW)
    assert closed.ends_at == NOW
    assert domain.closed(closed, NOW + timedelta(seconds=1)) is closed


@pytest.mark.parametrize(
    ("of", "now", "state"),
    [
        (book(), START - timedelta(seconds=1), StockState.SCHEDULED),
        (book(), NOW, StockState.LIVE),
        (book(available=0, sold=10), NOW, StockState.SOLD_OUT),
        (book(available=0, sold=10), END, StockState.ENDED),
    ],
)
def test_the_state_follows_from_window_and_stock(of: Book, now: datetime, state: StockState) -> None:
    assert domain.state_at(of, now) is state


def test_low_stock_sold_out_and_restocked_are_told_once_when_the_stock_goes_so_far() -> None:
    def told(before: int, after: int) -> list[str]:
        was, now = book(total=20, available=before, sold=20 - before), book(total=20, available=after, sold=20 - after)
        return [event.type for event in announcements.of_change(was, now, NOW, None)][1:]

    assert told(20, 3) == []
    assert told(3, 2) == ["drop.low_stock"]
    assert told(2, 1) == []
    assert told(1, 0) == ["drop.sold_out"]
    assert told(20, 0) == ["drop.sold_out"]
    assert told(0, 1) == ["drop.restocked"]


def test_an_event_told_twice_has_one_id() -> None:
    first, again = (announcements.of_change(None, book(), NOW, None)[0] for _ in range(2))
    other = announcements.of_change(None, replace(book(), version=2), NOW, None)[0]
    assert first.id == again.id != other.id


class StockMachine(RuleBasedStateMachine):
    """Any sequence of batches, cancellings, changes and passing time keeps the books, and the orders prove them."""

    wishes = Bundle("wishes")

    def __init__(self) -> None:
        super().__init__()
        self.book = book(total=8, available=8, per_user_limit=4)
        self.now = NOW
        self.orders: dict[tuple[str, str], Order] = {}
        self.ids = ids()

    @rule(target=wishes, user=st.sampled_from("abc"), quantity=st.integers(1, 5), key=st.sampled_from("123456"))
    def make_wish(self, user: str, quantity: int, key: str) -> PlaceOrder:
        return wish(user, quantity, key)

    @rule(batch=st.lists(wishes, min_size=1, max_size=6))
    def place(self, batch: list[PlaceOrder]) -> None:
        standing = [o for o in self.orders.values() if o.status is OrderStatus.CONFIRMED]
        units = {user: sum(o.quantity for o in standing if o.user_id == user) for user in "abc"}
        settled = domain.settle(self.book, History(self.orders, units), batch, self.now, self.ids)
        for request, outcome in zip(batch, settled.outcomes, strict=True):
            earlier = self.orders.get((request.user_id, request.key))
            if earlier:
                assert outcome == earlier or isinstance(outcome, LiveDropsError)
        self.orders |= {(sale.order.user_id, sale.key): sale.order for sale in settled.sales}
        assert settled.after.version == self.book.version + len(settled.sales)
        self.book = settled.after

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        standing = [key for key, o in self.orders.items() if o.status is OrderStatus.CONFIRMED]
        if standing:
            key = data.draw(st.sampled_from(sorted(standing)))
            self.book = domain.give_back(self.book, self.orders[key], self.now)
            self.orders[key] = Order(
                **{**{f: getattr(self.orders[key], f) for f in Order.__struct_fields__}, "status": OrderStatus.CANCELLED}
            )

    @rule(total=st.integers(1, 20))
    def change(self, total: int) -> None:
        try:
            self.book = domain.changed(self.book, ChangeStock(DROP, "change", total=total), self.now)
        except Conflict:
            assert total < self.book.sold + self.book.held

    @rule(seconds=st.sampled_from([0.5, 1, 2]))
    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def the_books_balance_with_the_orders(self) -> None:
        standing = [o for o in self.orders.values() if o.status is OrderStatus.CONFIRMED]
        assert self.book.balances()
        assert self.book.sold == sum(o.quantity for o in standing)
        for user in "abc":
            assert sum(o.quantity for o in standing if o.user_id == user) <= 4


TestStockMachine = StockMachine.TestCase
TestStockMachine.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
