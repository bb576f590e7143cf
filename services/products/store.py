"""All I/O of products and drops: PostgreSQL, as SQL text. A transaction touches one creator's rows only, and the place of what is new."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from services.contracts.errors import NotFound
from services.contracts.events import Event
from services.contracts.products import Drop, DropState, NewDrop, NewProduct, Product
from services.kernel import ids
from services.kernel.postgres import Postgres, Session
from services.products import bulk
from services.products.domain import DropRow
from services.products.rows import DROP_COLUMNS, PRODUCT_COLUMNS, drop_of, product_of, text_of, values_of_drop, values_of_product

_CLOCK = "select clock_timestamp()"
_OUTBOX = "insert into outbox (creator_id, id, events) values (%(creator)s, %(outbox_id)s, %(events)s);"
_PLACE = "insert into places (id, creator_id) values (%(id)s, %(creator)s) on conflict do nothing;"
_INSERT_PRODUCT = """
insert into products (creator_id, id, name, description, tags, media, price_amount, price_currency, version, created_as, created_at, updated_at)
values (%(creator)s, %(id)s, %(name)s, %(description)s, %(tags)s, %(media)s::uuid[], %(amount)s, %(currency)s, %(version)s, %(request)s,
        %(created_at)s, %(updated_at)s)
on conflict do nothing returning 1
"""
_UPDATE_PRODUCT = """
update products set name = %(name)s, description = %(description)s, tags = %(tags)s, media = %(media)s::uuid[], price_amount = %(amount)s,
    price_currency = %(currency)s, version = %(version)s, updated_at = %(updated_at)s
where creator_id = %(creator)s and id = %(id)s;
"""
_INSERT_DROP = """
insert into drops (creator_id, id, product_id, name, starts_at, ends_at, stock, per_user_limit, price_amount, price_currency, metadata, version,
                   scheduled_as, created_at, updated_at)
values (%(creator)s, %(id)s, %(product)s, %(name)s, %(starts_at)s, %(ends_at)s, %(stock)s, %(limit)s, %(amount)s, %(currency)s, %(metadata)s,
        %(version)s, %(request)s, %(created_at)s, %(updated_at)s)
on conflict do nothing returning 1
"""
# prepared: orders has judged these very terms.
_UPDATE_DROP = """
update drops set starts_at = %(starts_at)s, ends_at = %(ends_at)s, stock = %(stock)s, per_user_limit = %(limit)s, price_amount = %(amount)s,
    price_currency = %(currency)s, metadata = %(metadata)s, cancelled_at = %(cancelled_at)s, version = %(version)s, updated_at = %(updated_at)s,
    proposed = null, proposed_at = null, prepared = true
where creator_id = %(creator)s and id = %(id)s and (proposed->'drop'->>'version')::bigint = %(version)s returning 1
"""
# The same conditions as services/products/domain.py: state_at, which judges what is shown.
IN_STATE = {
    DropState.SCHEDULED: "cancelled_at is null and starts_at > clock_timestamp()",
    DropState.LIVE: "cancelled_at is null and not sold_out and starts_at <= clock_timestamp() and ends_at > clock_timestamp()",
    DropState.SOLD_OUT: "cancelled_at is null and sold_out and starts_at <= clock_timestamp() and ends_at > clock_timestamp()",
    DropState.ENDED: "cancelled_at is null and ends_at <= clock_timestamp()",
    DropState.CANCELLED: "cancelled_at is not null",
}


class Place(NamedTuple):
    """Where a list goes on: behind this time and id."""

    at: datetime
    id: str


class DropFilter(NamedTuple):
    """Which drops a list is of: those for which all hold that are given."""

    state: DropState | None = None
    creator_id: str | None = None
    product_id: str | None = None


class Proposal(msgspec.Struct, frozen=True):
    """A drop as its seller wants it. kind: of the event that tells it."""

    drop: Drop
    kind: str
    reason: str | None = None


class Shelf:
    """Products and drops."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def now(self) -> datetime:
        """The database's clock: the only one that drops go by."""
        with self._postgres.session() as session:
            now: datetime = session.rows(_CLOCK)[0][0]
        return now

    # Products.

    def add_product(self, product: Product, request: NewProduct, events: Sequence[Event]) -> bool:
        """False where there is one of this creator under the id: nothing is written then."""
        return self._add(_INSERT_PRODUCT, values_of_product(product) | {"request": text_of(request)} | _outbox(events))

    def add_products(self, products: Sequence[Product], requests: Sequence[NewProduct], events: Sequence[Event]) -> list[bool | None]:
        """Many of one creator in one transaction: of each whether it was new; None where there is another under its id."""
        with self._postgres.session() as session:
            return bulk.add_products(session, products, requests, events)

    def was_created_as(self, product: Product, request: NewProduct) -> bool:
        with self._postgres.session() as session:
            statement = "select 1 from products where creator_id = %s and id = %s and created_as = %s::jsonb"
            return bool(session.rows(statement, (product.creator_id, product.id, text_of(request))))

    def product(self, product_id: str) -> tuple[Product, datetime]:
        """A product and the database's time. Raises NotFound."""
        with self._postgres.session() as session:
            creator_id = _creator_of(session, product_id, "product")
            rows = session.rows(
                f"select {PRODUCT_COLUMNS}, clock_timestamp() from products where creator_id = %s and id = %s", (creator_id, product_id)
            )
        if not rows:
            raise NotFound("There is no such product.", product_id=product_id)
        return product_of(rows[0]), rows[0][-1]

    def products(self, product_ids: Sequence[str]) -> dict[str, Product]:
        """Those that there are."""
        with self._postgres.session() as session:
            places = _places(session, product_ids)
            found = session.rows(
                f"select {PRODUCT_COLUMNS} from products where (creator_id, id) in (select * from unnest(%s::uuid[], %s::uuid[]))",
                (list(places.values()), list(places)),
            )
        return {row[0]: product_of(row) for row in found}

    def change_product(self, before: Product, after: Product, events: Sequence[Event]) -> bool:
        """Write it over the version that was read. False where somebody was faster."""
        values = values_of_product(after) | _outbox(events) | {"before": before.version}
        lock = "begin; select 1 from products where creator_id = %(creator)s and id = %(id)s and version = %(before)s for update"
        with self._postgres.session() as session:
            if not session.rows(lock, values):
                session.run("rollback")
                return False
            session.run(_UPDATE_PRODUCT + _OUTBOX + "commit", values)
        return True

    def list_products(self, creator_id: str | None, size: int, after: Place | None, skip: int) -> list[Product]:
        """Newest first."""
        conditions, values = ["true"], dict[str, Any](size=size, skip=skip)
        if creator_id is not None:
            conditions.append("creator_id = %(creator)s")
            values["creator"] = creator_id
        if after is not None:
            conditions.append("(created_at, id) < (%(at)s, %(id)s::uuid)")
            values |= {"at": after.at, "id": after.id}
        statement = f"select {PRODUCT_COLUMNS} from products where {' and '.join(conditions)} order by created_at desc, id desc limit %(size)s offset %(skip)s"
        with self._postgres.session() as session:
            return [product_of(row) for row in session.rows(statement, values)]

    # Drops.

    def add_drop(self, drop: Drop, request: NewDrop, events: Sequence[Event]) -> bool:
        """False where there is one of this creator under the id: nothing is written then."""
        return self._add(_INSERT_DROP, values_of_drop(drop) | {"request": text_of(request)} | _outbox(events))

    def was_scheduled_as(self, drop: Drop, request: NewDrop) -> bool:
        with self._postgres.session() as session:
            statement = "select 1 from drops where creator_id = %s and id = %s and product_id = %s and scheduled_as = %s::jsonb"
            return bool(session.rows(statement, (drop.creator_id, drop.id, drop.product_id, text_of(request))))

    def drop(self, drop_id: str) -> tuple[DropRow, datetime]:
        """A drop and the database's time. Raises NotFound."""
        with self._postgres.session() as session:
            creator_id = _creator_of(session, drop_id, "drop")
            rows = session.rows(
                f"select {DROP_COLUMNS}, clock_timestamp() from drops where creator_id = %s and id = %s", (creator_id, drop_id)
            )
        if not rows:
            raise NotFound("There is no such drop.", drop_id=drop_id)
        return drop_of(rows[0]), rows[0][-1]

    def drops(self, drop_ids: Sequence[str]) -> tuple[dict[str, DropRow], datetime]:
        """Those that there are, and the database's time."""
        with self._postgres.session() as session:
            places = _places(session, drop_ids)
            found = session.rows(
                f"select {DROP_COLUMNS} from drops where (creator_id, id) in (select * from unnest(%s::uuid[], %s::uuid[]))",
                (list(places.values()), list(places)),
            )
            return {row[0]: drop_of(row) for row in found}, session.rows(_CLOCK)[0][0]

    def list_drops(self, wanted: DropFilter, size: int, after: Place | None, skip: int) -> tuple[list[DropRow], datetime]:
        """By their start, what is to come soonest first and all else latest first; and the database's time. Raises NotFound (product)."""
        less, order = ("<", "desc") if wanted.state is not DropState.SCHEDULED else (">", "asc")
        with self._postgres.session() as session:
            conditions, values = _conditions(session, wanted)
            if after is not None:
                conditions.append(f"(starts_at, id) {less} (%(at)s, %(id)s::uuid)")
                values |= {"at": after.at, "id": after.id}
            statement = (
                f"select {DROP_COLUMNS}, clock_timestamp() from drops where {' and '.join(conditions)} "
                f"order by starts_at {order}, id {order} limit %(size)s offset %(skip)s"
            )
            rows = session.rows(statement, values | {"size": size, "skip": skip})
            return [drop_of(row) for row in rows], rows[0][-1] if rows else session.rows(_CLOCK)[0][0]

    @contextmanager
    def locked_drop(self, row: DropRow) -> Iterator["LockedDrop"]:
        """Lock a drop's row for the block. What the block does not commit is rolled back."""
        key = (row.drop.creator_id, row.drop.id)
        with self._postgres.session() as session:
            rows = session.rows(
                f"begin; select {DROP_COLUMNS}, proposed::text from drops where creator_id = %s and id = %s for update", key
            )
            # The clock is read again behind the lock.
            yield LockedDrop(session, drop_of(rows[0]), _proposal(rows[0][-1]), session.rows(_CLOCK)[0][0])

    def accept(self, proposal: Proposal, events: Sequence[Event]) -> bool:
        """Make a proposal that orders has agreed to the drop as it is. False where it was settled already."""
        values = values_of_drop(proposal.drop) | _outbox(events)
        with self._postgres.session() as session:
            if not session.rows("begin; " + _UPDATE_DROP, values):
                session.run("rollback")
                return False
            session.run(_OUTBOX + "commit", values)
        return True

    def discard(self, proposal: Proposal) -> None:
        """Forget a proposal that orders has refused."""
        drop = proposal.drop
        statement = "update drops set proposed = null, proposed_at = null where creator_id = %s and id = %s and (proposed->'drop'->>'version')::bigint = %s"
        with self._postgres.session() as session:
            session.run(statement, (drop.creator_id, drop.id, drop.version))

    def unsettled(self, older_than_s: float, most: int) -> list[Proposal]:
        """Proposals whose process has not come back to them."""
        statement = "select proposed::text from drops where proposed is not null and proposed_at < clock_timestamp() - %s * interval '1 second' limit %s"
        with self._postgres.session() as session:
            return [found for row in session.rows(statement, (older_than_s, most)) if (found := _proposal(row[0]))]

    def tell_stock(self, told: Sequence[tuple[str, bool, int]]) -> None:
        """Drop, whether it is sold out, and at which version of its stock; older versions change nothing."""
        statement = (
            "update drops set sold_out = %(sold_out)s, stock_version = %(version)s where creator_id = %(creator)s and id = %(id)s "
            "and stock_version < %(version)s"
        )
        with self._postgres.session() as session:
            places = _places(session, [drop_id for drop_id, _, _ in told])
            for drop_id, sold_out, version in told:
                if drop_id in places:
                    session.run(statement, {"creator": places[drop_id], "id": drop_id, "sold_out": sold_out, "version": version})

    def _add(self, insert: str, values: dict[str, Any]) -> bool:
        with self._postgres.session() as session:
            if not session.rows("begin; " + insert, values):
                session.run("rollback")
                return False
            session.run(_PLACE + _OUTBOX + "commit", values)
        return True


class LockedDrop:
    """One drop inside its transaction."""

    def __init__(self, session: Session, row: DropRow, proposal: Proposal | None, now: datetime) -> None:
        self._session = session
        self.row = row
        self.proposal = proposal
        self.now = now

    def propose(self, proposal: Proposal) -> None:
        """Write what is to become of the drop, and commit: from here on it is settled, by whoever comes to it."""
        drop = proposal.drop
        statement = "update drops set proposed = %s, proposed_at = clock_timestamp() where creator_id = %s and id = %s; commit"
        self._session.run(statement, (text_of(proposal), drop.creator_id, drop.id))

    def abandon(self) -> None:
        self._session.run("rollback")


def _conditions(session: Session, wanted: DropFilter) -> tuple[list[str], dict[str, Any]]:
    """The conditions of a list and their values. A product's drops are its creator's: with both, one shard is asked. Raises NotFound."""
    conditions, values = [IN_STATE[wanted.state] if wanted.state else "true"], dict[str, Any]()
    if wanted.product_id is not None:
        conditions.append("creator_id = %(owner)s and product_id = %(product)s")
        values |= {"owner": _creator_of(session, wanted.product_id, "product"), "product": wanted.product_id}
    if wanted.creator_id is not None:
        conditions.append("creator_id = %(creator)s")
        values["creator"] = wanted.creator_id
    return conditions, values


def _creator_of(session: Session, id: str, what: str) -> str:
    found = _places(session, [id])
    if id not in found:
        raise NotFound(f"There is no such {what}.", **{f"{what}_id": id})
    return found[id]


def _places(session: Session, wanted: Sequence[str]) -> dict[str, str]:
    rows = session.rows("select id::text, creator_id::text from places where id = any(%s::uuid[])", (list(wanted),))
    return {row[0]: row[1] for row in rows}


def _proposal(text: str | None) -> Proposal | None:
    return msgspec.json.decode(text, type=Proposal) if text else None


def _outbox(events: Sequence[Event]) -> dict[str, Any]:
    return {"outbox_id": ids.new_id(), "events": text_of(events)}
