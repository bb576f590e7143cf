"""All I/O of the books: PostgreSQL, as SQL text. Transactions here hold one drop's row, and touch one drop only."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec

from services.contracts.errors import NotFound
from services.contracts.events import Event
from services.contracts.orders import Finding, OpenStock, Order, OrderStatus, PlaceOrder, Terms
from services.contracts.values import Money
from services.kernel import failpoints, ids
from services.kernel.key_filter import KeyFilter
from services.kernel.postgres import Postgres, Row, Session
from services.orders.domain import Book, History, Sale
from services.orders.hot_drops import HotDrops

_BOOK = (
    "drop_id::text, creator_id::text, name, starts_at, ends_at, total, available, held, sold, price_amount, price_currency, "
    "per_user_limit, version, resale_at, terms_version"
)
ORDER_COLUMNS = "drop_id::text, id, user_id::text, key, quantity, status, name, price_amount, price_currency, placed_at"

# The row lock makes everybody else wait; what is read after it, by statements of their own, is up to date. A single
# statement would read as of its beginning, before it waited (READ COMMITTED: each statement has its own snapshot).
_LOCK = f"begin; select {_BOOK}, clock_timestamp() from stock where drop_id = %s for update"
_EARLIER = f"""
select {ORDER_COLUMNS} from orders
where drop_id = %(drop)s and (user_id, key) in (select * from unnest(%(users)s::uuid[], %(keys)s::text[]))
"""
_UNITS = """
select user_id::text, sum(quantity) from orders
where drop_id = %(drop)s and user_id = any(%(users)s::uuid[]) and status in ('HELD', 'CONFIRMED')
group by user_id
"""
_CLOCK = "select clock_timestamp()"
_INSERT_ORDERS = """
insert into orders (drop_id, id, user_id, key, quantity, status, name, price_amount, price_currency, placed_at)
select %(drop)s::uuid, id, user_id, key, quantity, 'CONFIRMED', %(name)s, %(amount)s, %(currency)s, %(now)s
from json_to_recordset(%(sales)s) as sale (id uuid, user_id uuid, key text, quantity integer);
insert into stock_audit (drop_id, version, at, actor, reason, order_id, total_before, available_before, held_before, sold_before,
                         total_after, available_after, held_after, sold_after)
select %(drop)s::uuid, version, %(now)s, 'user:' || user_id, 'order placed', id, %(total)s, available_before, %(held)s, sold_before,
       %(total)s, available_before - quantity, %(held)s, sold_before + quantity
from json_to_recordset(%(sales)s) as sale (id uuid, user_id uuid, quantity integer, version bigint, available_before integer, sold_before integer);
"""
_UPDATE_STOCK = """
update stock set name = %(name)s, starts_at = %(starts_at)s, ends_at = %(ends_at)s, total = %(total)s, available = %(available)s,
    held = %(held)s, sold = %(sold)s, price_amount = %(amount)s, price_currency = %(currency)s, per_user_limit = %(limit)s,
    version = %(version)s, resale_at = %(resale_at)s, terms_version = %(terms_version)s
where drop_id = %(drop)s;
"""
_INSERT_OUTBOX = "insert into outbox (drop_id, id, events) values (%(drop)s, %(outbox_id)s, %(events)s);"
_INSERT_AUDIT = """
insert into stock_audit (drop_id, version, at, actor, reason, order_id, total_before, available_before, held_before, sold_before,
                         total_after, available_after, held_after, sold_after, details)
values (%(drop)s, %(version)s, %(now)s, %(actor)s, %(reason)s, %(order_id)s, %(total_0)s, %(available_0)s, %(held_0)s, %(sold_0)s,
        %(total)s, %(available)s, %(held)s, %(sold)s, %(details)s);
"""
_OPEN = """
insert into stock (drop_id, creator_id, name, starts_at, ends_at, total, available, held, sold, price_amount, price_currency,
                   per_user_limit, version, opened_as, terms_version)
values (%(drop)s, %(creator)s, %(name)s, %(starts_at)s, %(ends_at)s, %(total)s, %(available)s, %(held)s, %(sold)s, %(amount)s,
        %(currency)s, %(limit)s, %(version)s, %(opened_as)s, %(terms_version)s)
on conflict (drop_id) do nothing returning 1
"""
_CHECK = """
select s.drop_id::text, s.total, s.available, s.held, s.sold,
       coalesce((select sum(quantity) from orders o where o.drop_id = s.drop_id and o.status = 'HELD'), 0),
       coalesce((select sum(quantity) from orders o where o.drop_id = s.drop_id and o.status = 'CONFIRMED'), 0),
       s.version, coalesce((select max(version) from stock_audit a where a.drop_id = s.drop_id), 0)
from stock s
"""


class OpenBook:
    """One drop's book inside its transaction: the row is locked from here to `commit`."""

    def __init__(self, session: Session, book: Book, now: datetime) -> None:
        self._session = session
        self.book = book
        self.now = now

    def history(self, requests: Sequence[PlaceOrder]) -> History:
        """What the drop's orders say about the people of these requests."""
        asked = {"drop": self.book.drop_id, "users": [r.user_id for r in requests], "keys": [r.key for r in requests]}
        orders = {(row[2], row[3]): order_of(row) for row in self._session.rows(_EARLIER, asked)}
        if self.book.per_user_limit is None:
            return History(orders)
        return History(orders, {user_id: int(units) for user_id, units in self._session.rows(_UNITS, asked)})

    def order(self, order_id: str) -> Order:
        """Raises NotFound."""
        return _one_order(self._session, order_id)

    def commit_sales(self, after: Book, sales: Sequence[Sale], events: Sequence[Event]) -> None:
        """Write what a batch bought, and commit: one round trip."""
        rows = [
            {
                "id": _uuid_of(sale.order.id),
                "user_id": sale.order.user_id,
                "key": sale.key,
                "quantity": sale.order.quantity,
                "version": sale.after.version,
                "available_before": sale.before.available,
                "sold_before": sale.before.sold,
            }
            for sale in sales
        ]
        values = {**_values(after), **_outbox(events), "now": self.now, "sales": msgspec.json.encode(rows).decode()}
        self._commit(_INSERT_ORDERS + _UPDATE_STOCK + _INSERT_OUTBOX, values)

    def commit_ending(self, after: Book, order: Order, actor: str, reason: str, events: Sequence[Event]) -> None:
        """Write that an order ended and its units went back, and commit."""
        end = "update orders set status = %(status)s, ended_at = %(now)s where drop_id = %(drop)s and id = %(order_id)s;"
        values = self._change(after, actor, reason) | _outbox(events) | {"status": order.status.value, "order_id": _uuid_of(order.id)}
        self._commit(end + _UPDATE_STOCK + _INSERT_AUDIT + _INSERT_OUTBOX, values)

    def commit_change(self, after: Book, actor: str, reason: str, details: object, events: Sequence[Event]) -> None:
        """Write a seller's change, and commit."""
        values = self._change(after, actor, reason) | _outbox(events) | {"details": msgspec.json.encode(details).decode()}
        self._commit(_UPDATE_STOCK + _INSERT_AUDIT + _INSERT_OUTBOX, values)

    def abandon(self) -> None:
        """Nothing to write: let the row go."""
        self._session.run("rollback")

    def _change(self, after: Book, actor: str, reason: str) -> dict[str, Any]:
        values = _values(after) | _before(self.book)
        return values | {"now": self.now, "actor": actor, "reason": reason, "order_id": None, "details": None}

    def _commit(self, statements: str, values: dict[str, Any]) -> None:
        failpoints.reach("orders.before_commit")
        self._session.run(statements + "commit", values)
        failpoints.reach("orders.after_commit")


class Books:
    """The books of all drops."""

    def __init__(self, postgres: Postgres, hot_drops: HotDrops | None = None) -> None:
        """hot_drops: is told how long each book was waited for and held."""
        self._postgres = postgres
        self._hot_drops = hot_drops

    @contextmanager
    def open(self, drop_id: str) -> Iterator[OpenBook]:
        """Lock a drop's book for the block. Raises NotFound. What the block does not commit is rolled back."""
        with self._postgres.session() as session, self._measured(drop_id) as locked:
            rows = session.rows(_LOCK, (drop_id,))
            locked()
            if not rows:
                session.run("rollback")
                raise NotFound("There is no such drop.", drop_id=drop_id)
            # The clock is read again behind the lock: a wish that waited past the end came too late.
            yield OpenBook(session, _book(rows[0]), session.rows(_CLOCK)[0][0])

    @contextmanager
    def _measured(self, drop_id: str) -> Iterator[Callable[[], None]]:
        """Measure the block, and until it says that it has the lock."""
        began = locked_at = time.perf_counter()

        def locked() -> None:
            nonlocal locked_at
            locked_at = time.perf_counter()

        try:
            yield locked
        finally:
            if self._hot_drops:
                self._hot_drops.note(drop_id, locked_at - began, time.perf_counter() - began)

    def create(self, request: OpenStock | Terms, book: Book, actor: str, reason: str, now: datetime, events: Sequence[Event]) -> bool:
        """Write a new book. False where the drop has one already: nothing is written then."""
        values = _values(book) | _outbox(events) | {"opened_as": _as_opened(request), "actor": actor, "reason": reason}
        values |= {"now": now, "order_id": None, "details": _as_opened(request)}
        values |= {"total_0": 0, "available_0": 0, "held_0": 0, "sold_0": 0}
        with self._postgres.session() as session:
            if not session.rows("begin; " + _OPEN, values):
                session.run("rollback")
                return False
            session.run(_INSERT_AUDIT + _INSERT_OUTBOX + "commit", values)
        return True

    def was_opened_as(self, request: OpenStock) -> bool:
        """Whether the drop's book was opened by this very request."""
        with self._postgres.session() as session:
            statement = "select 1 from stock where drop_id = %s and opened_as = %s::jsonb"
            return bool(session.rows(statement, (request.drop_id, _as_opened(request))))

    def book(self, drop_id: str) -> tuple[Book, datetime]:
        """A drop's book and the database's time. Raises NotFound."""
        with self._postgres.session() as session:
            rows = session.rows(f"select {_BOOK}, clock_timestamp() from stock where drop_id = %s", (drop_id,))
        if not rows:
            raise NotFound("There is no such drop.", drop_id=drop_id)
        return _book(rows[0]), rows[0][-1]

    def many(self, drop_ids: Sequence[str]) -> tuple[dict[str, Book], datetime]:
        """The books of those drops that there are, and the database's time."""
        with self._postgres.session() as session:
            rows = session.rows(f"select {_BOOK} from stock where drop_id = any(%s::uuid[])", (list(drop_ids),))
            now: datetime = session.rows("select clock_timestamp()")[0][0]
        return {row[0]: _book(row) for row in rows}, now

    def order(self, order_id: str) -> tuple[Order, str]:
        """An order and its drop's creator. Raises NotFound."""
        with self._postgres.session() as session:
            order = _one_order(session, order_id)
            rows = session.rows("select creator_id::text from stock where drop_id = %s", (order.drop_id,))
        return order, rows[0][0]

    def standing_orders(self, drop_id: str, most: int) -> list[str]:
        """Ids of some orders of a drop that hold units."""
        with self._postgres.session() as session:
            statement = "select id from orders where drop_id = %s and status in ('HELD', 'CONFIRMED') order by id limit %s"
            return [f"{str(row[0]).replace('-', '')}-{drop_id.replace('-', '')}" for row in session.rows(statement, (drop_id, most))]

    def now(self) -> datetime:
        """The database's clock: the only one that a sale goes by."""
        with self._postgres.session() as session:
            now: datetime = session.rows(_CLOCK)[0][0]
        return now

    def keys(self, drop_id: str) -> KeyFilter:
        """The keys of all orders of a drop, ended ones too: a retry of those is answered with the order as well."""
        with self._postgres.session() as session:
            rows = session.rows("select user_id::text, key from orders where drop_id = %s", (drop_id,))
        return KeyFilter.of(((row[0], row[1]) for row in rows), len(rows))

    def count_orders(self, drop_id: str) -> int:
        with self._postgres.session() as session:
            return int(session.rows("select count(*) from orders where drop_id = %s", (drop_id,))[0][0])

    def check_page(self, after: str | None, first: int) -> list[Finding]:
        """Books and what their orders and audit trail say of them, by drop id, balanced or not."""
        with self._postgres.session() as session:
            where = "where s.drop_id > %s order by s.drop_id limit %s"
            return [Finding(*_whole(row)) for row in session.rows(f"{_CHECK} {where}", (after or str(uuid.UUID(int=0)), first))]

    def changed_since(self, since: datetime) -> list[str]:
        """Drops whose stock changed since then, as the audit log has it."""
        with self._postgres.session() as session:
            return [row[0] for row in session.rows("select distinct drop_id::text from stock_audit where at >= %s order by 1", (since,))]

    def check(self, drop_ids: Sequence[str]) -> list[Finding]:
        """These books and what their orders and audit trail say of them, balanced or not."""
        with self._postgres.session() as session:
            return [Finding(*_whole(row)) for row in session.rows(f"{_CHECK} where s.drop_id = any(%s::uuid[])", (list(drop_ids),))]


def _whole(row: Row) -> tuple[Any, ...]:
    """sum() of integers is a numeric: as int."""
    return (row[0], *(int(value) for value in row[1:]))


def _one_order(session: Session, order_id: str) -> Order:
    drop_id = str(uuid.UUID(order_id.partition("-")[2]))
    rows = session.rows(f"select {ORDER_COLUMNS} from orders where drop_id = %s and id = %s", (drop_id, _uuid_of(order_id)))
    if not rows:
        raise NotFound("There is no such order.", order_id=order_id)
    return order_of(rows[0])


def order_id_of(drop_id: str) -> str:
    """A new order id of this drop: time first, then the drop, so that it sorts by time and finds its shard."""
    return f"{ids.new_id_hex()}-{drop_id.replace('-', '')}"


def _uuid_of(order_id: str) -> str:
    return order_id.partition("-")[0]


def _book(row: Row) -> Book:
    drop_id, creator_id, name, starts_at, ends_at, total, available, held, sold, amount, currency, limit, version, resale_at, terms = row[
        :15
    ]
    price = Money(amount, currency.strip())
    return Book(drop_id, creator_id, name, starts_at, ends_at, total, available, held, sold, price, limit, version, resale_at, terms)


def order_of(row: Row) -> Order:
    """From a row of ORDER_COLUMNS."""
    drop_id, order, user_id, _key, quantity, status, name, amount, currency, placed_at = row
    return Order(
        id=f"{str(order).replace('-', '')}-{drop_id.replace('-', '')}",
        drop_id=drop_id,
        user_id=user_id,
        quantity=quantity,
        status=OrderStatus(status),
        unit_price=Money(amount, currency),
        placed_at=placed_at,
        name=name,
    )


def _values(book: Book) -> dict[str, Any]:
    return {
        "drop": book.drop_id,
        "creator": book.creator_id,
        "name": book.name,
        "starts_at": book.starts_at,
        "ends_at": book.ends_at,
        "total": book.total,
        "available": book.available,
        "held": book.held,
        "sold": book.sold,
        "amount": book.unit_price.amount,
        "currency": book.unit_price.currency,
        "limit": book.per_user_limit,
        "version": book.version,
        "resale_at": book.resale_at,
        "terms_version": book.terms_version,
    }


def _before(book: Book) -> dict[str, Any]:
    return {"total_0": book.total, "available_0": book.available, "held_0": book.held, "sold_0": book.sold}


def _outbox(events: Sequence[Event]) -> dict[str, Any]:
    return {"outbox_id": ids.new_id(), "events": msgspec.json.encode(events).decode()}


def _as_opened(request: OpenStock | Terms) -> str:
    return msgspec.json.encode(request).decode()
