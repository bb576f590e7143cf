"""Orders and stock through RPC, on the real stores."""

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from services.contracts.errors import (
    Conflict,
    Ended,
    Forbidden,
    IdempotencyKeyReused,
    InvalidInput,
    LimitReached,
    LiveDropsError,
    NotFound,
    SoldOut,
)
from services.contracts.orders import ChangeStock, OpenStock, Orders, OrderStatus, PlaceOrder, Stock, StockState
from services.contracts.values import Money
from services.kernel import calls
from services.kernel.calls import Viewer
from services.kernel.metrics import Metrics
from services.kernel.rpc_client import RpcClient
from stack.api import Stack
from tests.conftest import eventually

OpenDrop = Callable[..., Stock]
Sql = Callable[..., list[tuple[Any, ...]]]


def wish(drop: Stock, quantity: int = 1, key: str | None = None, user_id: str | None = None) -> PlaceOrder:
    return PlaceOrder(drop.drop_id, user_id or str(uuid.uuid4()), quantity, key or uuid.uuid4().hex)


def books_of(sql: Sql, drop: Stock) -> tuple[int, int, int, int]:
    """Total, available, held and sold of a drop, after a check against its orders."""
    total, available, held, sold = sql("select total, available, held, sold from stock where drop_id = %s", drop.drop_id)[0]
    by_orders = sql("select coalesce(sum(quantity), 0) from orders where drop_id = %s and status = 'CONFIRMED'", drop.drop_id)[0][0]
    assert total == available + held + sold
    assert sold == by_orders
    return total, available, held, sold


class TestPlacing:
    def test_an_order_takes_units_from_the_stock(self, orders: Orders, open_drop: OpenDrop, sql: Sql) -> None:
        drop = open_drop(total=10)
        order = orders.place_order(request=wish(drop, quantity=3))
        assert (order.status, order.quantity, order.unit_price) == (OrderStatus.CONFIRMED, 3, Money(4900, "EUR"))
        assert books_of(sql, drop) == (10, 7, 0, 3)

    def test_a_retry_is_the_same_order(self, orders: Orders, open_drop: OpenDrop, sql: Sql) -> None:
        drop = open_drop()
        request = wish(drop)
        assert orders.place_order(request=request) == orders.place_order(request=request)
        assert books_of(sql, drop)[3] == 1

    def test_a_key_reused_for_another_quantity_is_refused(self, orders: Orders, open_drop: OpenDrop) -> None:
        drop = open_drop()
        first = wish(drop)
        orders.place_order(request=first)
        with pytest.raises(IdempotencyKeyReused):
            orders.place_order(request=wish(drop, 2, first.key, first.user_id))

    def test_placements_come_in_the_order_of_the_requests(self, orders: Orders, open_drop: OpenDrop) -> None:
        drop = open_drop(total=3)
        placements = orders.place_many(requests=[wish(drop), wish(drop, 5), wish(drop, 2), wish(drop)])
        assert [placement.error for placement in placements] == [None, "INSUFFICIENT_STOCK", None, "SOLD_OUT"]

    def test_a_batch_is_for_one_drop(self, orders: Orders, open_drop: OpenDrop) -> None:
        with pytest.raises(InvalidInput):
            orders.place_many(requests=[wish(open_drop()), wish(open_drop())])

    def test_the_limit_holds_for_many_requests_at_once(self, orders: Orders, open_drop: OpenDrop, sql: Sql) -> None:
        drop, buyer = open_drop(total=100, per_user_limit=2), str(uuid.uuid4())
        outcomes = _at_once(30, lambda: orders.place_order(request=wish(drop, user_id=buyer)))
        assert sum(not isinstance(outcome, LiveDropsError) for outcome in outcomes) == 2
        assert {type(outcome) for outcome in outcomes if isinstance(outcome, LiveDropsError)} == {LimitReached}
        assert books_of(sql, drop)[3] == 2

    def test_many_buyers_at_once_get_exactly_what_there_is(self, orders: Orders, open_drop: OpenDrop, sql: Sql) -> None:
        drop = open_drop(total=25)
        outcomes = _at_once(60, lambda: orders.place_order(request=wish(drop)))
        assert sum(not isinstance(outcome, LiveDropsError) for outcome in outcomes) == 25
        assert {type(outcome) for outcome in outcomes if isinstance(outcome, LiveDropsError)} == {SoldOut}
        assert books_of(sql, drop) == (25, 0, 0, 25)

    def test_an_order_id_sorts_by_time_and_names_its_drop(self, orders: Orders, open_drop: OpenDrop) -> None:
        drop = open_drop()
        made = [orders.place_order(request=wish(drop)).id for _ in range(3)]
        assert made == sorted(made)
        assert all(order_id.endswith(drop.drop_id.replace("-", "")) for order_id in made)


class TestCancelling:
    def test_units_go_back_once(self, orders: Orders, open_drop: OpenDrop, sql: Sql) -> None:
        drop = open_drop(total=5)
        order = orders.place_order(request=wish(drop, 2))
        for _ in range(2):
            assert orders.cancel_order(order_id=order.id, reason="changed my mind").status is OrderStatus.CANCELLED
        assert books_of(sql, drop) == (5, 5, 0, 0)

    def test_a_retry_of_a_cancelled_order_answers_the_cancelled_order(self, orders: Orders, open_drop: OpenDrop) -> None:
        drop = open_drop()
        request = wish(drop)
        orders.cancel_order(order_id=orders.place_order(request=request).id, reason="no")
        assert orders.place_order(request=request).status is OrderStatus.CANCELLED

    def test_units_returned_to_a_sold_out_drop_are_sold_again_a_moment_later(self, orders: Orders, open_drop: OpenDrop) -> None:
        drop = open_drop(total=1)
        order = orders.place_order(request=wish(drop))
        orders.cancel_order(order_id=order.id, reason="no")
        with pytest.raises(SoldOut):
            orders.place_order(request=wish(drop))
        assert eventually(lambda: orders.place_many(requests=[wish(drop)])[0].order)


class TestStock:
    def test_opening_again_answers_the_stock_and_opening_differently_is_a_conflict(self, orders: Orders) -> None:
        now = datetime.now(UTC)
        request = OpenStock(str(uuid.uuid4()), str(uuid.uuid4()), "A shirt", now, now + timedelta(hours=1), 5, Money(1, "EUR"))
        assert orders.open_stock(stock=request) == orders.open_stock(stock=request)
        with pytest.raises(Conflict):
            orders.open_stock(
                stock=OpenStock(request.drop_id, request.creator_id, "A hat", now, now + timedelta(hours=1), 5, Money(1, "EUR"))
            )

    def test_stock_grows_and_shrinks_to_what_is_sold(self, orders: Orders, open_drop: OpenDrop, sql: Sql) -> None:
        drop = open_drop(total=5)
        orders.place_order(request=wish(drop, 3))
        assert orders.change_stock(change=ChangeStock(drop.drop_id, "more", total=8)).available == 5
        assert orders.change_stock(change=ChangeStock(drop.drop_id, "less", total=3)).available == 0
        with pytest.raises(Conflict):
            orders.change_stock(change=ChangeStock(drop.drop_id, "too few", total=2))
        assert books_of(sql, drop) == (3, 0, 0, 3)

    def test_a_change_that_changes_nothing_makes_no_version(self, orders: Orders, open_drop: OpenDrop) -> None:
        drop = open_drop(total=5)
        assert orders.change_stock(change=ChangeStock(drop.drop_id, "same", total=5)).version == drop.version

    def test_a_closed_stock_sells_no_more(self, orders: Orders, open_drop: OpenDrop) -> None:
        drop = open_drop()
        assert orders.close_stock(drop_id=drop.drop_id, reason="enough").state is StockState.ENDED
        assert orders.close_stock(drop_id=drop.drop_id, reason="enough").state is StockState.ENDED
        with pytest.raises(Ended):
            orders.place_order(request=wish(drop))

    def test_every_change_is_in_the_audit_log_with_who_and_why(self, orders: Orders, open_drop: OpenDrop, sql: Sql) -> None:
        drop, buyer = open_drop(total=5), str(uuid.uuid4())
        order = orders.place_order(request=wish(drop, 2, user_id=buyer))
        orders.change_stock(change=ChangeStock(drop.drop_id, "restock", total=9))
        orders.cancel_order(order_id=order.id, reason="no")
        rows = sql(
            "select version, actor, reason, total_before, available_before, sold_before, total_after, available_after, sold_after "
            "from stock_audit where drop_id = %s order by version",
            drop.drop_id,
        )
        assert rows == [
            (1, "peer:operations", "opened", 0, 0, 0, 5, 5, 0),
            (2, f"user:{buyer}", "order placed", 5, 5, 0, 5, 3, 2),
            (3, "peer:operations", "restock", 5, 3, 2, 9, 7, 2),
            (4, "peer:operations", "no", 9, 7, 2, 9, 9, 0),
        ]

    @pytest.mark.parametrize(
        "statement", ["update stock_audit set reason = 'x' where drop_id = %s", "delete from stock_audit where drop_id = %s"]
    )
    def test_the_audit_log_only_grows(self, statement: str, open_drop: OpenDrop, sql: Sql) -> None:
        with pytest.raises(psycopg2.errors.RaiseException, match="append-only"):
            sql(statement, open_drop().drop_id)

    def test_the_store_itself_refuses_a_book_that_does_not_balance(self, open_drop: OpenDrop, sql: Sql) -> None:
        with pytest.raises(psycopg2.errors.CheckViolation):
            sql("update stock set available = available - 1 where drop_id = %s", open_drop().drop_id)


class TestLists:
    def test_pages_hold_every_order_once_newest_first(self, orders: Orders, open_drop: OpenDrop) -> None:
        drop, buyer = open_drop(total=20), str(uuid.uuid4())
        made = [orders.place_order(request=wish(drop, user_id=buyer)).id for _ in range(7)]
        eventually(lambda: len(orders.list_orders(user_id=buyer, first=100, after=None).orders) == 7)
        seen, after = list[str](), None
        while True:
            page = orders.list_orders(user_id=buyer, first=3, after=after)
            seen += [order.id for order in page.orders]
            after = page.next
            if after is None:
                break
        assert seen == made[::-1]

    def test_a_cursor_of_somebody_else_opens_nothing(self, orders: Orders, open_drop: OpenDrop) -> None:
        drop, buyer = open_drop(), str(uuid.uuid4())
        for _ in range(2):
            orders.place_order(request=wish(drop, user_id=buyer))
        cursor = eventually(lambda: orders.list_orders(user_id=buyer, first=1, after=None).next)
        assert orders.list_orders(user_id=str(uuid.uuid4()), first=1, after=cursor).orders == []
        with pytest.raises(InvalidInput):
            orders.list_orders(user_id=buyer, first=1, after=cursor[:-3] + "abc")

    def test_a_cancelled_order_is_shown_cancelled(self, orders: Orders, open_drop: OpenDrop) -> None:
        drop, buyer = open_drop(), str(uuid.uuid4())
        order = orders.place_order(request=wish(drop, user_id=buyer))
        orders.cancel_order(order_id=order.id, reason="no")
        eventually(lambda: [o.status for o in orders.list_orders(user_id=buyer, first=5, after=None).orders] == [OrderStatus.CANCELLED])


class TestWhoMay:
    @pytest.fixture
    def gateway_orders(self, stack: Stack, metrics: Metrics) -> Any:
        """The orders service as the gateway calls it: a person named by the gateway is believed."""
        client = RpcClient(stack.environment("gateway")["LIVEDROPS_BROKER_URL"], "tests-gateway", metrics)
        client.start()
        assert client.wait_open(10)
        yield client.service("orders", Orders)
        client.stop()

    def test_a_person_sees_and_cancels_only_his_own_orders(self, orders: Orders, gateway_orders: Orders, open_drop: OpenDrop) -> None:
        drop, buyer, stranger = open_drop(), str(uuid.uuid4()), str(uuid.uuid4())
        order = orders.place_order(request=wish(drop, user_id=buyer))
        with calls.under(calls.begin(5, viewer=Viewer(stranger))):
            with pytest.raises(NotFound):
                gateway_orders.get_order(order_id=order.id)
            with pytest.raises(NotFound):
                gateway_orders.cancel_order(order_id=order.id, reason="mine")
            with pytest.raises(Forbidden):
                gateway_orders.list_orders(user_id=buyer, first=1, after=None)
        with calls.under(calls.begin(5, viewer=Viewer(drop.creator_id))):
            assert gateway_orders.get_order(order_id=order.id) == order
            with pytest.raises(Forbidden):
                gateway_orders.cancel_order(order_id=order.id, reason="not mine")
        with calls.under(calls.begin(5, viewer=Viewer(buyer))):
            assert gateway_orders.cancel_order(order_id=order.id, reason="mine").status is OrderStatus.CANCELLED


def test_reconcile_pages_through_all_books(orders: Orders, open_drop: OpenDrop) -> None:
    for _ in range(3):
        open_drop()
    checked, after = 0, None
    while True:
        page = orders.reconcile(after=after, first=2)
        assert page.findings == []
        checked, after = checked + page.checked, page.next
        if after is None:
            break
    assert checked >= 3


def _at_once(count: int, call: Callable[[], Any]) -> list[Any]:
    """Outcomes of the same call from many threads: what it returned, or the error that it raised."""
    outcomes: list[Any] = []
    barrier = threading.Barrier(count)

    def run() -> None:
        barrier.wait()
        try:
            outcomes.append(call())
        except LiveDropsError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
