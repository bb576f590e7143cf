"""Products and drops as rows of PostgreSQL: which columns, and to and from what the contract says."""

from typing import Any

import msgspec

from services.contracts.products import Drop, DropState, Product
from services.contracts.values import Money
from services.kernel.postgres import Row
from services.products.domain import DropRow

PRODUCT_COLUMNS = (
    "id::text, creator_id::text, name, price_amount, price_currency, description, tags, media::text[], version, created_at, updated_at"
)
DROP_COLUMNS = (
    "id::text, product_id::text, creator_id::text, name, starts_at, ends_at, stock, per_user_limit, price_amount, price_currency, metadata, "
    "cancelled_at, version, created_at, updated_at, sold_out"
)


def product_of(row: Row) -> Product:
    """A product of a row that begins with PRODUCT_COLUMNS."""
    id, creator_id, name, amount, currency, description, tags, media, version, created_at, updated_at = row[:11]
    return Product(id, creator_id, name, Money(amount, currency), description, tags, media, version, created_at, updated_at)


def drop_of(row: Row) -> DropRow:
    """A drop of a row that begins with DROP_COLUMNS. The clock asks questions of its own."""
    id, product_id, creator_id, name, starts_at, ends_at, stock, limit, amount, currency, metadata = row[:11]
    cancelled_at, version, created_at, updated_at, sold_out = row[11:16]
    drop = Drop(
        id=id,
        product_id=product_id,
        creator_id=creator_id,
        name=name,
        starts_at=starts_at,
        ends_at=ends_at,
        stock=stock,
        per_user_limit=limit,
        unit_price=Money(amount, currency),
        metadata=metadata,
        state=DropState.SCHEDULED,
        cancelled_at=cancelled_at,
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )
    return DropRow(drop, sold_out)


def values_of_product(product: Product) -> dict[str, Any]:
    """What a statement takes of a product, by name."""
    return {
        "creator": product.creator_id,
        "id": product.id,
        "name": product.name,
        "description": product.description,
        "tags": product.tags,
        "media": product.media,
        "amount": product.price.amount,
        "currency": product.price.currency,
        "version": product.version,
        "created_at": product.created_at,
        "updated_at": product.updated_at,
    }


def values_of_drop(drop: Drop) -> dict[str, Any]:
    """What a statement takes of a drop, by name."""
    return {
        "creator": drop.creator_id,
        "id": drop.id,
        "product": drop.product_id,
        "name": drop.name,
        "starts_at": drop.starts_at,
        "ends_at": drop.ends_at,
        "stock": drop.stock,
        "limit": drop.per_user_limit,
        "amount": drop.unit_price.amount,
        "currency": drop.unit_price.currency,
        "metadata": text_of(drop.metadata),
        "cancelled_at": drop.cancelled_at,
        "version": drop.version,
        "created_at": drop.created_at,
        "updated_at": drop.updated_at,
    }


def text_of(value: object) -> str:
    """As JSON, for a column of it."""
    return msgspec.json.encode(value).decode()
