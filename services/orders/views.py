"""The read model of a person's orders: rows by hash(user_id), written from events, a moment behind."""

from collections.abc import Sequence

import msgspec

from services.contracts.events import Event, OrderCancelled, OrderConfirmed
from services.contracts.orders import Order, OrderPage
from services.kernel.cursors import Cursors
from services.kernel.postgres import Postgres

CONSUMER = "orders.views"
# A later version of the same order replaces it; events may come in any order.
_UPSERT = """
insert into user_orders as u (user_id, order_id, stock_version, content)
select user_id, order_id, stock_version, content
from json_to_recordset(%s) as fresh (user_id uuid, order_id text, stock_version bigint, content text)
-- in the order of the key, so that two consumers never wait for each other in a ring
order by user_id, order_id
on conflict (user_id, order_id) do update set stock_version = excluded.stock_version, content = excluded.content
where u.stock_version < excluded.stock_version
"""


class OrderViews:
    def __init__(self, postgres: Postgres, cursors: Cursors) -> None:
        self._postgres = postgres
        self._cursors = cursors

    def page(self, user_id: str, first: int, after: str | None) -> OrderPage:
        """A person's orders, newest first. Raises InvalidInput for a cursor that is not this person's."""
        below = "z"  # sorts behind every order id, which is hex
        if after is not None:
            below, owner = self._cursors.read(after, tuple[str, str])
            if owner != user_id:
                below = ""
        with self._postgres.session() as session:
            statement = "select content from user_orders where user_id = %s and order_id < %s order by order_id desc limit %s"
            rows = session.rows(statement, (user_id, below, first + 1))
        orders = [msgspec.json.decode(row[0], type=Order) for row in rows[:first]]
        more = self._cursors.write((orders[-1].id, user_id)) if len(rows) > first else None
        return OrderPage(orders, more)

    def apply(self, events: Sequence[Event]) -> None:
        """Take these events in. One that comes again is no newer than what is there, and changes nothing."""
        with self._postgres.session() as session:
            session.run(_UPSERT, (msgspec.json.encode(list(_newest(events).values())).decode(),))


def _newest(events: Sequence[Event]) -> dict[str, dict[str, object]]:
    """The last word on each order among these events."""
    rows: dict[str, dict[str, object]] = {}
    for event in events:
        told = _told(event)
        row = {
            "user_id": told.order.user_id,
            "order_id": told.order.id,
            "stock_version": told.stock_version,
            "content": msgspec.json.encode(told.order).decode(),
        }
        if told.order.id not in rows or int(str(rows[told.order.id]["stock_version"])) < told.stock_version:
            rows[told.order.id] = row
    return rows


def _told(event: Event) -> OrderConfirmed | OrderCancelled:
    if event.type == "order.confirmed":
        return msgspec.convert(event.data, OrderConfirmed)
    return msgspec.convert(event.data, OrderCancelled)
