"""Events: facts that happened, published at least once and in no promised order.

Consumers dedupe on `id` and compare versions. `type` is also the routing key on the events exchange. A message is one event, or
an array of events of one type that were published together: a broker's work is counted in messages, and a sold-out sale has thousands.
"""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from .notifications import Notice, NoticeId
from .orders import Order
from .products import Drop, Product
from .users import ListPlace
from .values import DropId, EndpointId, Instant, Line, Units, UserId, Version

EventId = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]


class Event(msgspec.Struct, frozen=True):
    """The envelope. `data` has the shape that PAYLOADS names for the type."""

    id: EventId
    type: Annotated[str, Meta(pattern=r"^[a-z_]+(\.[a-z_]+)+$", max_length=100)]
    occurred_at: Instant
    data: dict[str, Any]
    correlation_id: str | None = None
    # The place of what caused it in a trace (W3C Trace Context), where it has one.
    traceparent: Annotated[str, Meta(max_length=256)] | None = None


class OrderConfirmed(msgspec.Struct, frozen=True):
    """Units were sold. `stock_version` is the version of the stock that this order made."""

    order: Order
    creator_id: UserId
    stock_version: Version


class OrderCancelled(msgspec.Struct, frozen=True):
    """An order ended and its units went back."""

    order: Order
    creator_id: UserId
    stock_version: Version
    reason: Line


class StockChanged(msgspec.Struct, frozen=True):
    """The book of a drop after a transaction; older versions than one seen are to be ignored."""

    drop_id: DropId
    creator_id: UserId
    name: str
    starts_at: Instant
    ends_at: Instant
    total: Units
    available: Units
    held: Units
    sold: Units
    version: Version


class DropLowStock(msgspec.Struct, frozen=True):
    """A tenth of the units, or fewer, are left. Once for each time that the stock falls to it."""

    drop_id: DropId
    creator_id: UserId
    name: str
    available: Units
    total: Units
    version: Version


class DropSoldOut(msgspec.Struct, frozen=True):
    """No unit is left. Once for each time that the stock falls to nothing."""

    drop_id: DropId
    creator_id: UserId
    name: str
    total: Units
    version: Version


class DropRestocked(msgspec.Struct, frozen=True):
    """There are units again, where there were none. Once for each time."""

    drop_id: DropId
    creator_id: UserId
    name: str
    available: Units
    version: Version


class DropTold(msgspec.Struct, frozen=True):
    """A drop as it is now: scheduled, changed, cancelled, started or ended. Of one drop, the higher version is the newer."""

    drop: Drop
    reason: str | None = None


class ProductTold(msgspec.Struct, frozen=True):
    """A product, new or changed. Of one product, the higher version is the newer."""

    product: Product


class FollowCreated(msgspec.Struct, frozen=True):
    """user_id follows creator_id since followed_at. Of one pair, the higher version is the newer."""

    user_id: UserId
    creator_id: UserId
    followed_at: Instant
    version: Version


class FollowRemoved(msgspec.Struct, frozen=True):
    """user_id, who followed since followed_at, follows creator_id no more. Of one pair, the higher version is the newer."""

    user_id: UserId
    creator_id: UserId
    followed_at: Instant
    version: Version


class UserChanged(msgspec.Struct, frozen=True):
    """A person is new or has changed: the public profile at this version, or at a later one than the change that is told of."""

    user_id: UserId
    display_name: str
    bio: str
    picture: str
    is_creator: bool
    created_at: Instant
    version: Version


class UserDeleted(msgspec.Struct, frozen=True):
    """A person is gone, and whatever another context holds of them has to go, too. Ids never come back."""

    user_id: UserId


class Audience(StrEnum):
    """FOLLOWERS: of the creator. REMINDED: who asked to be told of the drop."""

    FOLLOWERS = "FOLLOWERS"
    REMINDED = "REMINDED"


class PushChunk(msgspec.Struct, frozen=True):
    """Work, not news: push this broadcast to those of its people who are between two places of their list."""

    fan_out_id: NoticeId
    number: Units
    audience: Audience
    after: ListPlace
    until: ListPlace
    people: Units


class PushDelivery(msgspec.Struct, frozen=True):
    """Work, not news: try this one delivery again. chunk_id: in which it was counted, null for what one person is told."""

    user_id: UserId
    endpoint_id: EndpointId
    notice: Notice
    chunk_id: str | None = None


PAYLOADS: dict[str, type[msgspec.Struct]] = {
    "order.confirmed": OrderConfirmed,
    "order.cancelled": OrderCancelled,
    "stock.changed": StockChanged,
    "drop.low_stock": DropLowStock,
    "drop.sold_out": DropSoldOut,
    "drop.restocked": DropRestocked,
    "drop.scheduled": DropTold,
    "drop.changed": DropTold,
    "drop.cancelled": DropTold,
    "drop.started": DropTold,
    "drop.ended": DropTold,
    "product.created": ProductTold,
    "product.changed": ProductTold,
    "follow.created": FollowCreated,
    "follow.removed": FollowRemoved,
    "user.changed": UserChanged,
    "user.deleted": UserDeleted,
    "push.chunk": PushChunk,
    "push.delivery": PushDelivery,
}


def events_of(body: bytes) -> list[Event]:
    """The events of a message's body. Raises msgspec.MsgspecError where it is neither an event nor an array of them."""
    told = msgspec.json.decode(body, type=Event | list[Event])
    return told if isinstance(told, list) else [told]
