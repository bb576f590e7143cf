"""What REST sends and is sent, as types: what the OpenAPI document is made of. `tests/contract` compares them with what is really answered.

Bodies are those of the contracts, named as clients name them.
"""

from typing import Any, Literal

import msgspec
from msgspec import structs

from services.contracts import notifications, products
from services.contracts.analytics import Grain
from services.contracts.notifications import Channel, EndpointKind, NoticeId, NoticeIds, NoticeKind
from services.contracts.orders import OrderStatus
from services.contracts.products import DropState, PageNumber
from services.contracts.search import SearchKind
from services.contracts.users import Role
from services.contracts.values import (
    Cursor,
    DropId,
    EndpointId,
    Instant,
    MediaId,
    Money,
    OrderId,
    PageSize,
    PerUserLimit,
    ProductId,
    Quantity,
    Reason,
    Units,
    UserId,
    Version,
)


class Shape(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Root of all shapes."""


class NewOrder(Shape):
    drop_id: DropId
    quantity: Quantity = 1


class Order(Shape):
    """name: of the drop, when the order was placed."""

    id: OrderId
    drop_id: DropId
    name: str
    quantity: Quantity
    status: OrderStatus
    unit_price: Money
    placed_at: Instant


class FollowWish(Shape):
    creator_id: UserId


class FollowState(Shape):
    user_id: UserId
    creator_id: UserId
    is_following: bool
    followed_at: Instant | None


class OwnRoles(Shape):
    """What the signed-in person may do, as their next access token says."""

    user_id: UserId
    roles: list[Role]


class Person(Shape):
    """Somebody on a list, since followedAt. The counts are a moment behind."""

    id: UserId
    display_name: str
    bio: str
    picture: str | None
    is_creator: bool
    created_at: Instant
    follower_count: Units
    following_count: Units
    followed_at: Instant


class PeoplePage(Shape):
    """next: the cursor of the page behind, null at the end."""

    people: list[Person]
    next: Cursor | None


class Product(Shape):
    """version: raised by every change, and sent as ETag."""

    id: ProductId
    creator_id: UserId
    name: str
    description: str
    tags: list[str]
    price: Money
    media: list[MediaId]
    version: Version
    created_at: Instant
    updated_at: Instant


class Numbered(Shape):
    """page: where the list was asked for by number. next: the cursor of the page behind, null at the end."""

    page: PageNumber | None
    limit: PageSize
    next: Cursor | None


class ProductPage(Numbered):
    products: list[Product]


class Stock(Shape):
    """total = available + held + sold, at every version."""

    total: Units
    available: Units
    held: Units
    sold: Units
    version: Version


class Drop(Shape):
    """productId and version (of the seller's, sent as ETag) are null for a drop that an operator opened without a product."""

    id: DropId
    name: str
    creator_id: UserId
    starts_at: Instant
    ends_at: Instant
    unit_price: Money
    per_user_limit: PerUserLimit | None
    state: DropState
    stock: Stock
    product_id: ProductId | None
    metadata: dict[str, str]
    cancelled_at: Instant | None
    version: Version | None


class DropPage(Numbered):
    drops: list[Drop]


class Highlight(Shape):
    """fragments: HTML, escaped, with <em> around what fits."""

    field: str
    fragments: list[str]


class SearchHit(Shape):
    """A product, drop or creator as the index knows it, a moment behind. state: of a drop, at the time of asking."""

    kind: SearchKind
    id: str
    name: str
    creator_id: UserId
    creator_name: str
    created_at: Instant
    follower_count: Units
    price: Money | None
    tags: list[str]
    media: list[MediaId]
    product_id: ProductId | None
    starts_at: Instant | None
    ends_at: Instant | None
    state: DropState | None
    highlights: list[Highlight]


class FacetValue(Shape):
    value: str
    count: Units


class Facet(Shape):
    """How many hits have each value: kind, state, creator, tag, currency, or price in ranges, where a currency was asked for."""

    name: str
    values: list[FacetValue]


class SearchPage(Shape):
    """degraded: the search engine is away; products and drops by plain text. facets: where they were asked for."""

    hits: list[SearchHit]
    total: Units
    total_is_exact: bool
    facets: list[Facet]
    degraded: bool
    limit: PageSize
    next: Cursor | None


class Cancellation(Shape):
    """reason: told to those who bought."""

    reason: Reason


class Notification(Shape):
    """personal: told to this person alone. Fields that a kind does not have are null."""

    id: NoticeId
    kind: NoticeKind
    at: Instant
    name: str
    read: bool
    personal: bool
    creator_id: UserId | None
    drop_id: DropId | None
    order_id: OrderId | None
    quantity: Units | None
    available: Units | None
    total: Units | None
    reason: str | None


class NotificationPage(Shape):
    """unreadCount: up to 100. next: the cursor of the page behind, null at the end."""

    notifications: list[Notification]
    unread_count: Units
    limit: PageSize
    next: Cursor | None


class UnreadCount(Shape):
    """Up to 100; more are told as 100."""

    unread_count: Units


class LiveTicket(Shape):
    """expires_in: seconds in which it opens a stream, which then lasts as long as the sign-in that it was asked with."""

    ticket: str
    expires_in: int


class ReadWish(Shape):
    """ids, or all: true."""

    ids: NoticeIds | msgspec.UnsetType = msgspec.UNSET
    all: Literal[True] | msgspec.UnsetType = msgspec.UNSET


class MutedNotification(Shape):
    """This kind is not told over this channel."""

    kind: NoticeKind
    channel: Channel


class NotificationPreferences(Shape):
    """Everything is told unless it is here. mutedCreators: their drops are told over no channel, and are not in the inbox."""

    muted: list[MutedNotification]
    muted_creators: list[UserId]


class Reminder(Shape):
    drop_id: DropId
    is_reminded: bool


class Endpoint(Shape):
    """url: null for EMAIL. failingSince: null where all arrives. disabledReason: null where it was not switched off."""

    id: EndpointId
    kind: EndpointKind
    url: str | None
    enabled: bool
    created_at: Instant
    failing_since: Instant | None
    disabled_reason: str | None


class Endpoints(Shape):
    """At most ten, oldest first."""

    endpoints: list[Endpoint]


class AddedEndpoint(Shape):
    """secret: of a webhook (Standard Webhooks), shown this once."""

    endpoint: Endpoint
    secret: str | None


class RemovedEndpoint(Shape):
    endpoint_id: EndpointId


class PushOptions(Shape):
    """webPushKey: applicationServerKey of a browser's subscription, null where browsers are not told."""

    web_push_key: str | None
    email: bool


class AnalyticsCounts(Shape):
    """How many in one stretch of time. revenue: minor units of the drop's currency, of drops only. soldOut to busy: orders that were refused."""

    views: Units
    orders: Units
    units: Units
    revenue: Units
    cancelled_orders: Units
    cancelled_units: Units
    sold_out: Units
    limit_reached: Units
    insufficient_stock: Units
    not_open: Units
    busy: Units
    follows: Units
    unfollows: Units


class AnalyticsPoint(Shape):
    """at: when the minute, or the hour, began."""

    at: Instant
    counts: AnalyticsCounts


class Analytics(Shape):
    """Oldest first, from since to before until; stretches of which nothing is counted are left out."""

    grain: Grain
    since: Instant
    until: Instant
    points: list[AnalyticsPoint]
    totals: AnalyticsCounts


class Problem(msgspec.Struct, rename="camel"):
    """RFC 9457. Tell errors apart by code, never by their text. field: which one is wrong, where one is."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    field: str | None = None


def _as_clients_name_it(kind: type[msgspec.Struct], *more: tuple[str, Any]) -> type[msgspec.Struct]:
    """A payload of the contracts as a body, with more fields before its own."""
    fields: list[Any] = list(more)
    for field in structs.fields(kind):
        fields.append((field.name, field.type) if field.required else (field.name, field.type, _default(field)))
    return msgspec.defstruct(kind.__name__, fields, bases=(Shape,), namespace={"__doc__": kind.__doc__}, kw_only=True, module=__name__)


def _default(field: structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else msgspec.field(default_factory=field.default_factory)


NewProduct = _as_clients_name_it(products.NewProduct)
ProductChange = _as_clients_name_it(products.ProductChange)
Preferences = _as_clients_name_it(notifications.Preferences)
NewEndpoint = _as_clients_name_it(notifications.NewEndpoint)
NewDrop = _as_clients_name_it(products.NewDrop, ("product_id", ProductId))
DropChange = _as_clients_name_it(products.DropChange)
