"""The events that a change of a product or drop makes. Their ids are derived from what they tell: made twice, they are one."""

from datetime import datetime

import msgspec

from services.contracts.events import DropTold, Event, ProductTold
from services.contracts.products import Drop, Product
from services.kernel import calls, ids


def of_product(kind: str, product: Product, at: datetime, correlation_id: str | None) -> Event:
    return _event(kind, product.id, product.version, at, ProductTold(product), correlation_id)


def of_drop(kind: str, drop: Drop, at: datetime, correlation_id: str | None, reason: str | None = None) -> Event:
    return _event(kind, drop.id, drop.version, at, DropTold(drop, reason), correlation_id)


def of_moment(kind: str, drop: Drop, at: datetime) -> Event:
    """drop.started or drop.ended: once for a drop, whatever its version is by then."""
    return _event(kind, drop.id, 0, at, DropTold(drop), None)


def _event(kind: str, subject: str, version: int, at: datetime, payload: msgspec.Struct, correlation_id: str | None) -> Event:
    return Event(ids.derived_id(kind, subject, version), kind, at, msgspec.to_builtins(payload), correlation_id, calls.traceparent())
