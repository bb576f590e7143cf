"""The drop clock: many drops due at once, and a clock that is killed, paused or away while they are."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from services.contracts.events import Event
from services.contracts.orders import Orders, StockState
from services.contracts.products import Drop, DropChange, NewDrop, NewProduct, Product, Products
from services.contracts.values import Money
from stack.api import Stack
from tests.chaos.books import Sql
from tests.chaos.disturbances import TAKEN_OVER_WITHIN_S, Failpoints, paused, pid_of, second_process, stopped
from tests.chaos.witness import Witness
from tests.conftest import eventually

HEARD_WITHIN_S = 60.0


@pytest.fixture(scope="session")
def product(products: Products) -> Product:
    return products.create_product(product_id=_new_id(), creator_id=_new_id(), product=NewProduct("A shirt", Money(100, "EUR")))


@pytest.fixture
def witness(stack: Stack) -> Iterator[Witness]:
    with Witness.of(stack.environment("operations")["LIVEDROPS_BROKER_URL"], "drop.#") as found:
        yield found


def schedule(products: Products, product: Product, count: int, begin: datetime, life: timedelta = timedelta(hours=1)) -> list[Drop]:
    """Drops that all start within one second from `begin`."""

    def one(number: int) -> Drop:
        starts_at = begin + timedelta(seconds=number / count)
        return products.schedule_drop(drop_id=_new_id(), product_id=product.id, drop=NewDrop(starts_at, starts_at + life, 5))

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(one, range(count)))


def told(witness: Witness, drops: Sequence[Drop], kind: str = "drop.started") -> list[Event]:
    """With the repetitions."""
    ids = {drop.id for drop in drops}
    return [event for event in witness.heard(kind) if event.data["drop"]["id"] in ids]


def wait_until_told(witness: Witness, drops: Sequence[Drop], kind: str = "drop.started") -> list[Event]:
    """Until each was told, each under one id."""
    eventually(lambda: len({event.id for event in told(witness, drops, kind)}) >= len(drops), HEARD_WITHIN_S)
    events = told(witness, drops, kind)
    assert len({event.id for event in events}) == len(drops)
    return events


def report(events: Sequence[Event], drops: Sequence[Drop], what: str) -> None:
    """How late the clock was: by the database's clock, which is also the events'."""
    due = {drop.id: drop.starts_at for drop in drops}
    first: dict[str, float] = {}
    for event in events:
        late_s = (event.occurred_at - due[event.data["drop"]["id"]]).total_seconds()
        first[event.id] = min(late_s, first.get(event.id, late_s))
    late = sorted(first.values())
    p50, p99 = late[len(late) // 2], late[int(len(late) * 0.99)]
    print(
        f"\n  {what}: {len(drops)} starts, late by p50 {p50:.3f} s, p99 {p99:.3f} s, max {late[-1]:.3f} s; {len(events) - len(first)} heard again"
    )


def wait_for_start(begin: datetime) -> None:
    eventually(lambda: datetime.now(UTC) >= begin, timeout_s=120)


def test_many_drops_due_in_one_second_are_told(
    products: Products, product: Product, witness: Witness, orders: Orders, rounds: Callable[[int, int], range]
) -> None:
    count = len(rounds(100, 1000))
    drops = schedule(products, product, count, datetime.now(UTC) + timedelta(seconds=5 + count / 50))
    events = wait_until_told(witness, drops)
    report(events, drops, "undisturbed")
    assert all(orders.get_stock(drop_id=drop.id).state is StockState.LIVE for drop in drops[:20])


def test_a_clock_killed_in_that_second_tells_each_once_in_effect(
    stack: Stack, products: Products, product: Product, witness: Witness, rounds: Callable[[int, int], range]
) -> None:
    count = len(rounds(100, 1000))
    begin = datetime.now(UTC) + timedelta(seconds=5 + count / 50)
    drops = schedule(products, product, count, begin)
    wait_for_start(begin + timedelta(seconds=0.5))
    stack.kill("products-clock")
    report(wait_until_told(witness, drops), drops, "killed in that second")


@pytest.mark.parametrize("place", ["clock.before_publish", "clock.before_mark"])
def test_a_clock_that_dies_at_this_place_tells_each_once_in_effect(
    place: str, failpoints: Failpoints, products: Products, product: Product, witness: Witness
) -> None:
    drops = schedule(products, product, 20, datetime.now(UTC) + timedelta(seconds=4))
    failpoints.kill_at(place)
    wait_until_told(witness, drops)


def test_a_clock_that_was_away_tells_what_it_missed(stack: Stack, products: Products, product: Product, witness: Witness) -> None:
    with stopped(stack, "products-clock"):
        life = timedelta(seconds=1)
        drops = schedule(products, product, 10, datetime.now(UTC), life)
        wait_for_start(drops[-1].ends_at)
        assert told(witness, drops) == []
    wait_until_told(witness, drops)
    wait_until_told(witness, drops, "drop.ended")


def test_a_second_clock_takes_over_from_a_paused_one(
    stack: Stack, products: Products, product: Product, witness: Witness, products_sql: Sql, tmp_path: Path
) -> None:
    with second_process(stack, "products-clock", tmp_path) as second:
        holder = eventually(lambda: _holder(products_sql))
        assert holder in (stack.pid("products-clock"), second.pid)
        with paused(holder) as since:
            eventually(lambda: _holder(products_sql) != holder, timeout_s=20)
            assert time.monotonic() - since < TAKEN_OVER_WITHIN_S
            wait_until_told(witness, schedule(products, product, 10, datetime.now(UTC)))


@pytest.mark.parametrize("place", ["products.after_propose", "products.before_accept"])
def test_a_change_whose_process_died_is_settled(
    place: str, failpoints: Failpoints, products: Products, product: Product, orders: Orders
) -> None:
    drop = schedule(products, product, 1, datetime.now(UTC) + timedelta(hours=1))[0]
    change = partial(products.change_drop, drop_id=drop.id, expected_version=1, change=DropChange(stock=77))
    with ThreadPoolExecutor(1) as client:
        asked = client.submit(change)
        failpoints.kill_at(place)
        assert asked.result(60).stock == 77
    assert (products.get_drop(drop_id=drop.id).stock, orders.get_stock(drop_id=drop.id).total) == (77, 77)


def _holder(products_sql: Sql) -> int:
    rows = products_sql("select holder from leases where name = 'products-clock'")
    return pid_of(rows[0][0]) if rows else 0


def _new_id() -> str:
    return str(uuid.uuid4())
