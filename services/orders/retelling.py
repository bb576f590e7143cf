"""Telling orders again: what a broker has lost with all that it held, or a consumer's store that was brought back has not heard.

Ids are derived from what is told, so whoever has heard it already does nothing.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

import msgspec

from services.contracts.events import Event
from services.contracts.orders import OrderStatus
from services.kernel import ids
from services.kernel.postgres import Postgres, Row
from services.orders import announcements
from services.orders.store import ORDER_COLUMNS, order_of

# Of one statement; a row of the outbox for each drop among them.
TOLD_AT_ONCE = 200
_FIRST = "00000000-0000-0000-0000-000000000000"
_PAGE = f"""
select {", ".join(f"o.{column.strip()}" for column in ORDER_COLUMNS.split(","))},
       s.creator_id::text, a.version, a.at, a.reason, a.sold_after < a.sold_before
from stock_audit a
join orders o on o.drop_id = a.drop_id and o.id = a.order_id
join stock s on s.drop_id = a.drop_id
where a.at >= %s and (a.drop_id, a.version) > (%s, %s)
order by a.drop_id, a.version limit %s
"""


def tell_again(postgres: Postgres, since: datetime) -> Iterator[int]:
    """Put the events of orders that were placed or cancelled since into the outbox once more. Yields how many, page by page; safe to repeat."""
    after: tuple[str, int] = (_FIRST, -1)
    while True:
        with postgres.session() as session:
            rows = session.rows(_PAGE, (since, *after, TOLD_AT_ONCE))
            for drop_id, ours in groupby(rows, key=lambda row: str(row[0])):
                events = msgspec.json.encode([_event(row) for row in ours]).decode()
                session.run("insert into outbox (drop_id, id, events) values (%s, %s, %s)", (drop_id, ids.new_id(), events))
        if not rows:
            return
        yield len(rows)
        after = (str(rows[-1][0]), rows[-1][-4])


def _event(row: Row) -> Event:
    """As it was told when it happened, whatever became of the order since."""
    creator_id, version, at, reason, has_ended = row[-5:]
    order = msgspec.structs.replace(order_of(row[:-5]), status=OrderStatus.CANCELLED if has_ended else OrderStatus.CONFIRMED)
    if has_ended:
        return announcements.cancelled(order, creator_id, version, reason, at, None)
    return announcements.confirmed(order, creator_id, version, at, None)
