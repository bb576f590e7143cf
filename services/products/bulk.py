"""Many products of one creator in one transaction, as SQL text."""

from collections.abc import Sequence

from services.contracts.events import Event
from services.contracts.products import NewProduct, Product
from services.kernel import ids
from services.kernel.postgres import Session
from services.products.rows import text_of, values_of_product

# Events of one row of the outbox: as many as travel in a message, so that a round of the relay stays a few megabytes.
EVENTS_A_ROW = 50
_ROWS = """
jsonb_to_recordset(%(rows)s::jsonb) as told (place int, id uuid, name text, description text, tags text[], media uuid[], amount bigint,
                                             currency text, version bigint, request jsonb, created_at timestamptz, updated_at timestamptz)
"""
# In the order told: of two with one id, the first is made.
_INSERT = f"""
begin;
insert into products (creator_id, id, name, description, tags, media, price_amount, price_currency, version, created_as, created_at, updated_at)
select %(creator)s, id, name, description, tags, media, amount, currency, version, request, created_at, updated_at from {_ROWS} order by place
on conflict do nothing returning id::text
"""
_TELL = """
insert into places (id, creator_id) select unnest(%(new)s::uuid[]), %(creator)s on conflict do nothing;
insert into outbox (creator_id, id, events) select %(creator)s, * from unnest(%(outbox_ids)s::uuid[], %(events)s::text[]);
commit
"""
_SAME = f"""
select told.place from {_ROWS} join products on products.creator_id = %(creator)s and products.id = told.id
where products.created_as = told.request
"""
_ELSEWHERE = "select id::text from places where id = any(%(ids)s::uuid[]) and creator_id <> %(creator)s"


def add_products(
    session: Session, products: Sequence[Product], requests: Sequence[NewProduct], events: Sequence[Event]
) -> list[bool | None]:
    """Products with what was asked for and what tells of each. Of each whether it was new; None where there is another under its id."""
    creator = products[0].creator_id
    elsewhere = {row[0] for row in session.rows(_ELSEWHERE, {"ids": [product.id for product in products], "creator": creator})}
    mine = [place for place, product in enumerate(products) if product.id not in elsewhere]
    if not mine:
        return [None] * len(products)
    values = {
        "creator": creator,
        "rows": text_of([values_of_product(products[place]) | {"place": place, "request": requests[place]} for place in mine]),
    }
    new = {row[0] for row in session.rows(_INSERT, values)}
    first = {products[place].id: place for place in reversed(mine) if products[place].id in new}
    if first:
        session.run(_TELL, values | {"new": list(first)} | _outbox([events[place] for place in sorted(first.values())]))
    else:
        session.run("rollback")
    same = {row[0] for row in session.rows(_SAME, values)} if len(first) < len(mine) else set[int]()
    return [True if first.get(product.id) == place else (False if place in same else None) for place, product in enumerate(products)]


def _outbox(events: Sequence[Event]) -> dict[str, list[str]]:
    rows = [events[begin : begin + EVENTS_A_ROW] for begin in range(0, len(events), EVENTS_A_ROW)]
    return {"outbox_ids": [ids.new_id() for _ in rows], "events": [text_of(row) for row in rows]}
