"""The rules of search: documents from what the services say, and what they say at a moment. Pure functions, no I/O, no clock of their own.

A document is made of several things with versions of their own: the product, the drop, its stock, the creator. Its version is the sum of
theirs. Each of them only rises, and whoever hears of a change of one reads all of them anew, after the change. So of two documents the one with
the higher version is the newer, and the last change is in the highest of all: writes may come late, twice and in any order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.contracts.orders import Stock
from services.contracts.products import Drop, DropState, Product
from services.contracts.search import Highlight, SearchHit, SearchKind
from services.contracts.users import Profile
from services.contracts.values import Money

# Above every version that anybody has, and sums of them stay far below 2**63: a person who is gone does not come back.
GONE = 2**53
# An account begins as a fan's, so at this version nobody has ever been found as a creator.
FIRST_VERSION = 1


@dataclass(frozen=True)
class Document:
    """id: as in the index. version: compared by the index."""

    id: str
    version: int
    source: Mapping[str, Any]


def key(kind: SearchKind, id: str) -> str:
    return f"{kind.value.lower()}:{id}"


def product_document(product: Product, creator: Profile | None) -> Document:
    """creator: None for somebody who is gone."""
    source = {
        **_of_creator(product.creator_id, creator),
        "name": product.name,
        "description": product.description,
        "tags": product.tags,
        "media": product.media,
        "price": product.price.amount,
        "currency": product.price.currency,
        "created_at": _text(product.created_at),
        "product_id": product.id,
    }
    return _document(SearchKind.PRODUCT, product.id, product.version + _version(creator), source)


def drop_document(drop: Drop, product: Product | None, stock: Stock | None, creator: Profile | None) -> Document:
    """stock: None where orders has not heard of the drop yet; nobody can have bought any of it then."""
    source = {
        **_of_creator(drop.creator_id, creator),
        "name": drop.name,
        "description": product.description if product else "",
        "tags": product.tags if product else [],
        "media": product.media if product else [],
        "price": drop.unit_price.amount,
        "currency": drop.unit_price.currency,
        "created_at": _text(drop.created_at),
        "product_id": drop.product_id,
        "starts_at": _text(drop.starts_at),
        "ends_at": _text(drop.ends_at),
        "cancelled": drop.cancelled_at is not None,
        "sold_out": stock is not None and stock.available == 0,
    }
    versions = drop.version + (product.version if product else 0) + (stock.version if stock else 0)
    return _document(SearchKind.DROP, drop.id, versions + _version(creator), source)


def creator_document(profile: Profile, now: datetime) -> Document | None:
    """None for a fan who has never been a creator; a tombstone for somebody who is one no more."""
    if not profile.is_creator:
        return None if profile.version <= FIRST_VERSION else tombstone(SearchKind.CREATOR, profile.user_id, profile.version, now)
    source = {
        **_of_creator(profile.user_id, profile),
        "name": profile.display_name,
        "description": profile.bio,
        "tags": [],
        "media": [],
        "created_at": _text(profile.created_at),
    }
    return _document(SearchKind.CREATOR, profile.user_id, profile.version, source)


def tombstone(kind: SearchKind, id: str, version: int, now: datetime) -> Document:
    return Document(key(kind, id), version, {"key": key(kind, id), "kind": kind.value, "id": id, "deleted": True, "deleted_at": _text(now)})


def has_grown_apart(indexed: int, followers: int) -> bool:
    """Whether what a creator sells should learn how many followers they have: with a tenth more or less, ranks begin to differ."""
    return abs(followers - indexed) * 10 > max(indexed, 1)


def _document(kind: SearchKind, id: str, version: int, source: dict[str, Any]) -> Document:
    whole = {"key": key(kind, id), "kind": kind.value, "id": id, **source, "deleted": False}
    return Document(whole["key"], version, whole)


def _of_creator(creator_id: str, creator: Profile | None) -> dict[str, Any]:
    return {
        "creator_id": creator_id,
        "creator_name": creator.display_name if creator else "",
        "followers": creator.follower_count if creator else 0,
    }


def _version(creator: Profile | None) -> int:
    return creator.version if creator else GONE


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def state_at(source: Mapping[str, Any], now: datetime) -> DropState | None:
    """What a drop's document says at this moment; None for what is no drop. The same rule as in products."""
    if source["kind"] != SearchKind.DROP.value:
        return None
    if source["cancelled"]:
        return DropState.CANCELLED
    if now >= datetime.fromisoformat(source["ends_at"]):
        return DropState.ENDED
    if now < datetime.fromisoformat(source["starts_at"]):
        return DropState.SCHEDULED
    return DropState.SOLD_OUT if source["sold_out"] else DropState.LIVE


def hit_of(source: Mapping[str, Any], score: float, highlights: list[Highlight], now: datetime) -> SearchHit:
    """What a document says at this moment."""
    return SearchHit(
        kind=SearchKind(source["kind"]),
        id=source["id"],
        name=source["name"],
        creator_id=source["creator_id"],
        creator_name=source["creator_name"],
        score=score,
        created_at=datetime.fromisoformat(source["created_at"]),
        followers=source["followers"],
        price=Money(source["price"], source["currency"]) if "price" in source else None,
        tags=source["tags"],
        media=source["media"],
        product_id=source.get("product_id"),
        starts_at=_instant(source.get("starts_at")),
        ends_at=_instant(source.get("ends_at")),
        state=state_at(source, now),
        highlights=highlights,
    )


def plain_hit_of_product(product: Product) -> SearchHit:
    """A product as PostgreSQL has it."""
    return SearchHit(
        kind=SearchKind.PRODUCT,
        id=product.id,
        name=product.name,
        creator_id=product.creator_id,
        creator_name="",
        score=0.0,
        created_at=product.created_at,
        price=product.price,
        tags=product.tags,
        media=product.media,
        product_id=product.id,
    )


def plain_hit_of_drop(drop: Drop) -> SearchHit:
    """A drop as PostgreSQL has it."""
    return SearchHit(
        kind=SearchKind.DROP,
        id=drop.id,
        name=drop.name,
        creator_id=drop.creator_id,
        creator_name="",
        score=0.0,
        created_at=drop.created_at,
        price=drop.unit_price,
        product_id=drop.product_id,
        starts_at=drop.starts_at,
        ends_at=drop.ends_at,
        state=drop.state,
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
