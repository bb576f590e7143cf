"""What is told, as clients see it: made once, encoded once, however many hear it."""

from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

import msgspec

from gateway import presenters
from services.contracts.notifications import Notice
from services.contracts.orders import Stock
from services.contracts.products import Drop, DropState
from services.kernel.shown_stock import as_of_now


class Kind(StrEnum):
    """The names of the events on a plain stream."""

    NOTIFICATION = "notification"
    STOCK = "stock"
    STATE = "state"


class News:
    """One thing that is told. data: its fields for clients. cause_at: when what it tells of happened, where that is known.

    subject: of two with the same one the later is enough, unless they are notifications.
    """

    def __init__(self, kind: Kind, data: dict[str, Any], cause_at: datetime | None = None) -> None:
        self.kind = kind
        self.name = kind.value
        self.data = data
        self.cause_at = cause_at
        self.subject = f"{self.name} {data['dropId']}"

    @cached_property
    def json(self) -> bytes:
        return msgspec.json.encode(self.data)

    @cached_property
    def event(self) -> bytes:
        """As an event of a plain stream, without an id."""
        return event(self.name, self.json)


def event(name: str, data: bytes, id: str | None = None) -> bytes:
    """A server-sent event: WHATWG HTML, section 9.2."""
    return b"event: %b\n%bdata: %b\n\n" % (name.encode(), b"id: %b\n" % id.encode() if id else b"", data)


def of_notice(notice: Notice, personal: bool) -> News:
    data = {**presenters.notice(notice), "personal": personal}
    return News(Kind.NOTIFICATION, data, notice.at)


def of_stock(stock: Stock) -> News:
    return News(Kind.STOCK, {"dropId": stock.drop_id, **presenters.stock(stock)})


def state_of(stock: Stock, card: Drop | None) -> DropState:
    """What the drop's window and stock say now, and whether its seller has taken it back."""
    if card is not None and card.cancelled_at is not None:
        return DropState.CANCELLED
    return DropState(as_of_now(stock).state.value)


def of_state(stock: Stock, state: DropState) -> News:
    window = {"startsAt": stock.starts_at, "endsAt": stock.ends_at}
    return News(Kind.STATE, {"dropId": stock.drop_id, "state": state.value, **window, "now": datetime.now(UTC)})
