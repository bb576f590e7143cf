"""The events that a change of a book makes. Their ids are derived from what they tell: made twice, they are one."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from services.contracts.events import DropLowStock, DropRestocked, DropSoldOut, Event, OrderCancelled, OrderConfirmed, StockChanged
from services.contracts.orders import Order
from services.kernel import calls, ids
from services.orders.domain import Book, Sale, came_back, fell_low, fell_out


def of_sales(before: Book, after: Book, sales: Sequence[Sale], at: datetime, correlation_id: str | None) -> list[Event]:
    """order.confirmed for each sale, and what the transaction did to the stock."""
    told = [confirmed(sale.order, after.creator_id, sale.after.version, at, correlation_id) for sale in sales]
    return [*told, *of_change(before, after, at, correlation_id)]


def of_cancelling(before: Book, after: Book, order: Order, reason: str, at: datetime, correlation_id: str | None) -> list[Event]:
    """order.cancelled, and what it did to the stock."""
    told = cancelled(order, after.creator_id, after.version, reason, at, correlation_id)
    return [told, *of_change(before, after, at, correlation_id)]


def confirmed(order: Order, creator_id: str, stock_version: int, at: datetime, correlation_id: str | None) -> Event:
    return _event("order.confirmed", order.id, 0, at, OrderConfirmed(order, creator_id, stock_version), correlation_id)


def cancelled(order: Order, creator_id: str, stock_version: int, reason: str, at: datetime, correlation_id: str | None) -> Event:
    return _event("order.cancelled", order.id, 0, at, OrderCancelled(order, creator_id, stock_version, reason), correlation_id)


def of_change(before: Book | None, after: Book, at: datetime, correlation_id: str | None) -> list[Event]:
    """stock.changed, and drop.low_stock, drop.sold_out or drop.restocked where the stock went so far. before: None for a new book."""
    payloads = [("stock.changed", _stock_changed(after)), *_fallen(before or after, after)]
    return [_event(kind, after.drop_id, after.version, at, payload, correlation_id) for kind, payload in payloads]


def _stock_changed(book: Book) -> StockChanged:
    return StockChanged(
        drop_id=book.drop_id,
        creator_id=book.creator_id,
        name=book.name,
        starts_at=book.starts_at,
        ends_at=book.ends_at,
        total=book.total,
        available=book.available,
        held=book.held,
        sold=book.sold,
        version=book.version,
    )


def _fallen(before: Book, after: Book) -> Iterator[tuple[str, msgspec.Struct]]:
    if fell_low(before, after):
        yield "drop.low_stock", DropLowStock(after.drop_id, after.creator_id, after.name, after.available, after.total, after.version)
    if fell_out(before, after):
        yield "drop.sold_out", DropSoldOut(after.drop_id, after.creator_id, after.name, after.total, after.version)
    if came_back(before, after):
        yield "drop.restocked", DropRestocked(after.drop_id, after.creator_id, after.name, after.available, after.version)


def _event(kind: str, subject: str, version: int, at: datetime, payload: msgspec.Struct, correlation_id: str | None) -> Event:
    return Event(ids.derived_id(kind, subject, version), kind, at, msgspec.to_builtins(payload), correlation_id, calls.traceparent())
