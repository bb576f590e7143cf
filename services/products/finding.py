"""Browsing by names in PostgreSQL: what people get while the search engine is away. Bounded in time: plain, never slow."""

from collections.abc import Sequence
from typing import Any

from services.contracts.products import DropState, Product, Sought
from services.kernel.postgres import Postgres
from services.products.domain import DropRow
from services.products.rows import DROP_COLUMNS, PRODUCT_COLUMNS, drop_of, product_of
from services.products.store import IN_STATE, Place

# Words that are looked at; nobody names a product with more.
MOST_WORDS = 10
# Past this nobody waits, and a query of one letter in a million names has had its chance.
TIMEOUT_MS = 1_000
_BEGIN = f"begin; set local statement_timeout = {TIMEOUT_MS}; "
_NEWEST = "order by created_at desc, id desc limit %(size)s"


class Finder:
    """Products and drops by parts of their names, newest first."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def products(self, sought: Sought, size: int, after: Place | None) -> list[Product]:
        conditions, values = _conditions(sought, size, after)
        if sought.tags:
            conditions.append("tags && %(tags)s")
        statement = f"select {PRODUCT_COLUMNS} from products where {' and '.join(conditions)} {_NEWEST}"
        with self._postgres.session() as session:
            return [product_of(row) for row in session.rows(_BEGIN + statement, values)]

    def drops(self, sought: Sought, states: Sequence[DropState], size: int, after: Place | None) -> tuple[list[DropRow], Any]:
        """Drops, and the database's time."""
        conditions, values = _conditions(sought, size, after)
        if states:
            conditions.append("(" + " or ".join(f"({IN_STATE[state]})" for state in sorted(set(states))) + ")")
        if sought.tags:
            conditions.append(
                "exists (select 1 from products p where p.creator_id = drops.creator_id and p.id = drops.product_id and p.tags && %(tags)s)"
            )
        statement = f"select {DROP_COLUMNS} from drops where {' and '.join(conditions)} {_NEWEST}"
        with self._postgres.session() as session:
            rows = session.rows(_BEGIN + statement, values)
            return [drop_of(row) for row in rows], session.rows("select clock_timestamp()")[0][0]


def _conditions(sought: Sought, size: int, after: Place | None) -> tuple[list[str], dict[str, Any]]:
    conditions, values = ["true"], dict[str, Any](size=size, tags=sought.tags)
    for number, word in enumerate(sought.words.lower().split()[:MOST_WORDS]):
        conditions.append(f"lower(name) like %(word{number})s")
        values[f"word{number}"] = f"%{_literal(word)}%"
    for column, sign, name in (
        ("creator_id", "=", "creator_id"),
        ("price_currency", "=", "currency"),
        ("price_amount", ">=", "min_price"),
        ("price_amount", "<=", "max_price"),
    ):
        if (value := getattr(sought, name)) is not None:
            conditions.append(f"{column} {sign} %({name})s")
            values[name] = value
    if after is not None:
        conditions.append("(created_at, id) < (%(at)s, %(id)s::uuid)")
        values |= {"at": after.at, "id": after.id}
    return conditions, values


def _literal(word: str) -> str:
    """A pattern of LIKE for these very letters."""
    return word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
