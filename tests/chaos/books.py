"""The books as they must be after a sale, read straight from PostgreSQL."""

import itertools
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from services.contracts.analytics import Analytics, Grain, Subject, SubjectKind
from services.contracts.orders import Orders, Stock
from tests.chaos.buyers import Outcome
from tests.chaos.witness import Witness
from tests.conftest import eventually

Sql = Callable[..., list[tuple[Any, ...]]]
# An event that failed once or twice, while its store was away, comes back after 1 and then 5 seconds.
TOLD_WITHIN_S = 30.0
HEARS_WITHIN_S = 10.0
_ORDERS = """
select replace(id::text, '-', '') || '-' || replace(drop_id::text, '-', ''), user_id::text, key, quantity, status
from orders where drop_id = %s
"""
_AUDIT = """
select version, total_before, available_before, held_before, sold_before, total_after, available_after, held_after, sold_after
from stock_audit where drop_id = %s order by version
"""


def check_orders(sql: Sql, drop_id: str, accepted: Mapping[str, Outcome]) -> None:
    """The orders of the books are exactly those that buyers were given, one for each key, as they were given."""
    rows = sql(_ORDERS, drop_id)
    keys = Counter((user_id, key) for _, user_id, key, _, _ in rows)
    assert set(keys.values()) <= {1}, "a key has two orders"
    kept = {row[0]: row[1:] for row in rows}
    given = {order_id: (o.user_id, o.wish.key, o.wish.quantity, "CONFIRMED") for order_id, o in accepted.items()}
    assert kept == given
    assert all(o.order and o.order["quantity"] == o.wish.quantity for o in accepted.values())


def check_book(sql: Sql, orders: Orders, drop: Stock) -> None:
    """The stock balances, its sum is that of its orders, and the reconciler finds nothing."""
    [(total, available, held, sold)] = sql("select total, available, held, sold from stock where drop_id = %s", drop.drop_id)
    [(sold_by_orders,)] = sql("select coalesce(sum(quantity), 0) from orders where drop_id = %s", drop.drop_id)
    assert (total, held, sold) == (drop.total, 0, sold_by_orders)
    assert total == available + held + sold
    # Pages go by drop id: the first one behind the id just before is this drop's.
    before = str(uuid.UUID(int=uuid.UUID(drop.drop_id).int - 1))
    assert orders.reconcile(after=before, first=1).findings == []


def check_audit_trail(sql: Sql, drop_id: str) -> None:
    """A row for each version from the first to the stock's own, each beginning where the one before ended."""
    [(version,)] = sql("select version from stock where drop_id = %s", drop_id)
    rows = sql(_AUDIT, drop_id)
    assert [row[0] for row in rows] == list(range(1, version + 1))
    assert all(earlier[5:] == later[1:5] for earlier, later in itertools.pairwise(rows))


def wait_until_told(sql: Sql, drop_id: str, order_ids: Collection[str]) -> None:
    """Until each order's event has reached its consumer and taken effect, once, and no event of the drop is left."""
    eventually(lambda: not sql("select 1 from outbox where drop_id = %s", drop_id), TOLD_WITHIN_S)
    pattern, expected = f"%-{drop_id.replace('-', '')}", sorted(order_ids)
    eventually(
        lambda: sorted(row[0] for row in sql("select order_id from user_orders where order_id like %s", pattern)) == expected, TOLD_WITHIN_S
    )


def check_counted(analytics: Analytics, drop: Stock, sold: int, order_ids: Collection[str]) -> None:
    """A consumer that adds up has added each order once, and no more once all events have been told."""
    now = datetime.now(UTC)

    def counted() -> tuple[int, int]:
        subject = Subject(SubjectKind.DROP, drop.drop_id)
        found = analytics.get_series(subject=subject, grain=Grain.HOUR, since=now - timedelta(hours=3), until=now + timedelta(hours=3))
        return found.totals.orders, found.totals.units

    eventually(lambda: counted() == (len(order_ids), sold), TOLD_WITHIN_S)


def check_heard(witness: Witness, drop_id: str, order_ids: Collection[str]) -> None:
    """Each order of the drop was told of, and under one event id: whoever dedupes by it takes each in once."""
    eventually(lambda: {order_id for order_id, _ in _heard(witness, drop_id)} >= set(order_ids), HEARS_WITHIN_S)
    heard = _heard(witness, drop_id)
    assert {order_id for order_id, _ in heard} == set(order_ids)
    assert len(heard) == len(order_ids), "an order was told of under two event ids"


def _heard(witness: Witness, drop_id: str) -> set[tuple[str, str]]:
    """Order and event ids, without the repetitions."""
    confirmed = witness.heard("order.confirmed")
    return {(event.data["order"]["id"], event.id) for event in confirmed if event.data["order"]["drop_id"] == drop_id}
