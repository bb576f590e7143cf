"""The rules of products and drops."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from services.contracts.errors import Conflict, DropFixed, Ended, InvalidInput, NotStarted, StaleVersion
from services.contracts.products import Drop, DropChange, DropState, NewDrop, NewProduct, ProductChange, terms_of
from services.contracts.values import Money
from services.products import domain
from services.products.domain import DropRow

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PRICE = Money(100, "EUR")
PRODUCT = domain.created("p", "c", NewProduct("Shirt", PRICE, tags=["a", "b", "a"]), NOW)


def drop(starts_in: timedelta = HOUR, **changes: Any) -> Drop:
    made = domain.scheduled("d", PRODUCT, NewDrop(NOW + HOUR, NOW + 2 * HOUR, 10), NOW)
    return structs.replace(made, **{"starts_at": NOW + starts_in, "ends_at": NOW + starts_in + HOUR, **changes})


def row(starts_in: timedelta = HOUR, sold_out: bool = False, **changes: Any) -> DropRow:
    return DropRow(drop(starts_in, **changes), sold_out)


LIVE = -HOUR / 2
OVER = -2 * HOUR


@pytest.mark.parametrize(
    ("starts_in", "sold_out", "cancelled", "state"),
    [
        (HOUR, False, False, DropState.SCHEDULED),
        (timedelta(0), False, False, DropState.LIVE),
        (LIVE, False, False, DropState.LIVE),
        (LIVE, True, False, DropState.SOLD_OUT),
        (-HOUR, True, False, DropState.ENDED),
        (OVER, False, False, DropState.ENDED),
        (LIVE, True, True, DropState.CANCELLED),
        (OVER, False, True, DropState.CANCELLED),
    ],
)
def test_the_state_is_what_the_row_and_the_moment_say(starts_in: timedelta, sold_out: bool, cancelled: bool, state: DropState) -> None:
    found = row(starts_in, sold_out, cancelled_at=NOW if cancelled else None)
    assert domain.state_at(found, NOW) is state
    assert domain.as_seen(found, NOW).state is state


@given(st.integers(-200, 200), st.booleans())
def test_a_drop_never_goes_back_as_time_goes_on(minutes: int, sold_out: bool) -> None:
    order = [DropState.SCHEDULED, DropState.LIVE, DropState.SOLD_OUT, DropState.ENDED]
    found = row(sold_out=sold_out)
    now = NOW + timedelta(minutes=minutes)
    assert order.index(domain.state_at(found, now)) <= order.index(domain.state_at(found, now + timedelta(minutes=1)))


class TestProduct:
    def test_what_is_named_twice_is_kept_once(self) -> None:
        assert PRODUCT.tags == ["a", "b"]

    def test_a_change_that_is_there_already_changes_nothing_whatever_the_version(self) -> None:
        assert domain.changed_product(PRODUCT, 77, ProductChange(name="Shirt", tags=["a", "b", "b"]), NOW) is PRODUCT

    def test_a_change_of_an_old_version_is_refused(self) -> None:
        with pytest.raises(StaleVersion):
            domain.changed_product(PRODUCT, 0, ProductChange(name="Other"), NOW)


class TestDrop:
    def test_it_takes_the_products_name_and_price(self) -> None:
        assert (drop().name, drop().unit_price, drop().creator_id) == ("Shirt", PRICE, "c")

    @pytest.mark.parametrize(
        ("starts", "ends"), [(HOUR, HOUR), (2 * HOUR, HOUR), (-HOUR, HOUR), (OVER, -HOUR), (HOUR, timedelta(days=366 * 6))]
    )
    def test_a_window_that_makes_no_sense_is_refused(self, starts: timedelta, ends: timedelta) -> None:
        with pytest.raises(InvalidInput):
            domain.scheduled("d", PRODUCT, NewDrop(NOW + starts, NOW + ends, 10), NOW)

    def test_a_start_of_a_moment_ago_is_now(self) -> None:
        assert domain.scheduled("d", PRODUCT, NewDrop(NOW - domain.LATE, NOW + HOUR, 10), NOW).version == 1

    @pytest.mark.parametrize(
        "change",
        [DropChange(starts_at=NOW + HOUR / 2), DropChange(per_user_limit=1), DropChange(unit_price=Money(1, "EUR")), DropChange(stock=1)],
    )
    def test_before_the_start_everything_may_change(self, change: DropChange) -> None:
        assert domain.changed_drop(row(), 1, change, NOW).version == 2

    @pytest.mark.parametrize("change", [DropChange(stock=99), DropChange(ends_at=NOW + HOUR), DropChange(metadata={"a": "b"})])
    def test_once_live_stock_end_and_metadata_may_change(self, change: DropChange) -> None:
        assert domain.changed_drop(row(LIVE), 1, change, NOW).version == 2

    @pytest.mark.parametrize(
        "change", [DropChange(starts_at=NOW + HOUR / 4), DropChange(per_user_limit=1), DropChange(unit_price=Money(1, "EUR"))]
    )
    def test_once_live_nothing_else_may(self, change: DropChange) -> None:
        with pytest.raises(DropFixed):
            domain.changed_drop(row(LIVE), 1, change, NOW)

    @pytest.mark.parametrize(
        "change", [DropChange(starts_at=NOW - HOUR), DropChange(ends_at=NOW - HOUR), DropChange(ends_at=NOW + HOUR / 2)]
    )
    def test_nothing_changes_the_past(self, change: DropChange) -> None:
        with pytest.raises(InvalidInput):
            domain.changed_drop(row(), 1, change, NOW)

    def test_what_is_over_stays_as_it_is(self) -> None:
        with pytest.raises(Ended):
            domain.changed_drop(row(OVER), 1, DropChange(stock=99), NOW)
        with pytest.raises(Conflict):
            domain.changed_drop(row(cancelled_at=NOW), 1, DropChange(stock=99), NOW)
        with pytest.raises(Ended):
            domain.cancelled(row(OVER), NOW)

    def test_a_repeated_change_is_the_same_drop(self) -> None:
        changed = domain.changed_drop(row(), 1, DropChange(stock=99), NOW)
        assert domain.changed_drop(DropRow(changed, False), 1, DropChange(stock=99), NOW) is changed
        with pytest.raises(StaleVersion):
            domain.changed_drop(DropRow(changed, False), 1, DropChange(stock=98), NOW)

    def test_ending_and_cancelling_happen_once(self) -> None:
        ended = domain.ended(row(LIVE), NOW)
        assert (ended.ends_at, ended.version) == (NOW, 2)
        assert domain.ended(DropRow(ended, False), NOW) is ended
        cancelled = domain.cancelled(row(LIVE), NOW)
        assert (cancelled.cancelled_at, cancelled.version) == (NOW, 2)
        assert domain.cancelled(DropRow(cancelled, False), NOW + HOUR) is cancelled
        with pytest.raises(NotStarted):
            domain.ended(row(), NOW)

    def test_orders_is_told_all_that_a_sale_goes_by(self) -> None:
        terms = terms_of(drop(cancelled_at=NOW, per_user_limit=3, version=7))
        assert (terms.total, terms.per_user_limit, terms.version, terms.cancelled, terms.name) == (10, 3, 7, True, "Shirt")
