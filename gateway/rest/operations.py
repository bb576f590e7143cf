"""The table of all that REST can do: what the OpenAPI document says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta

from gateway.documents import DEFAULT_PAGE
from gateway.rest import shapes
from services.contracts.analytics import Grain
from services.contracts.products import Currency, DropState, PageNumber
from services.contracts.search import Amount, SearchKind, SearchSort, SearchText
from services.contracts.values import Cursor, DropId, EndpointId, IdempotencyKey, Instant, Line, OrderId, PageSize, ProductId, UserId

PATH_PARAMETERS: dict[str, Any] = {
    "order_id": OrderId,
    "user_id": UserId,
    "product_id": ProductId,
    "drop_id": DropId,
    "endpoint_id": EndpointId,
}
HEADERS: dict[str, tuple[Any, str]] = {
    "Idempotency-Key": (IdempotencyKey, "New for each wish, the same for its retries."),
    "If-Match": (Annotated[str, Meta(pattern=r'^"[0-9]{1,15}"$')], "The version that was read, in quotes, as ETag gave it."),
}


def _several(values: type[StrEnum]) -> Any:
    """One of these, or several with commas between them."""
    one = "|".join(values)
    return Annotated[str, Meta(pattern=f"^({one})(,({one}))*$")]


SeveralKinds, SeveralStates = _several(SearchKind), _several(DropState)
# What any request may be refused with, and what one may be that needs a sign-in.
ALWAYS = (400, 429, 503)
SIGNED_IN = (401, 403)


@dataclass(frozen=True)
class Parameter:
    """One of the query string."""

    kind: Any
    required: bool = False
    default: Any = None


@dataclass(frozen=True)
class Operation:
    """name: of the view, and the operationId. answer, body: shapes. gives: headers of the answer. refusals: statuses beside the usual ones."""

    method: str
    path: str
    name: str
    summary: str
    answer: Any
    status: int = 200
    body: Any = None
    query: Mapping[str, Parameter] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    signed_in: bool = False
    refusals: tuple[int, ...] = ()


_AFTER = {"after": Parameter(Cursor)}
_PEOPLE = {"first": Parameter(PageSize, default=DEFAULT_PAGE), **_AFTER}
_NUMBERED = {"page": Parameter(PageNumber, default=1), "limit": Parameter(PageSize, default=DEFAULT_PAGE), **_AFTER}
_CREATOR = {"creator_id": Parameter(UserId)}
_MADE: Any = {"status": 201, "headers": ("Idempotency-Key",), "gives": ("ETag", "Location"), "signed_in": True}
_CHANGED: Any = {"headers": ("If-Match",), "gives": ("ETag",), "signed_in": True}

OPERATIONS = (
    Operation(
        *("POST", "/order", "place_order", "Buy units of a drop.", shapes.Order, 201, shapes.NewOrder),
        headers=("Idempotency-Key",),
        signed_in=True,
        refusals=(404, 409, 422),
    ),
    Operation("GET", "/order/{order_id}", "get_order", "An order of the signed-in person.", shapes.Order, signed_in=True, refusals=(404,)),
    Operation(
        *("POST", "/follow", "follow", "Follow somebody; again is no error.", shapes.FollowState, 200, shapes.FollowWish),
        signed_in=True,
        refusals=(404,),
    ),
    Operation(
        *("POST", "/unfollow", "unfollow", "Follow somebody no more; again is no error.", shapes.FollowState, 200, shapes.FollowWish),
        signed_in=True,
    ),
    Operation(
        *("POST", "/creator", "become_creator", "Let the signed-in person sell; again is no error.", shapes.OwnRoles),
        signed_in=True,
        refusals=(404,),
    ),
    Operation(
        *("GET", "/follows", "get_follow", "Whether user_id, or without one the signed-in person, follows creator_id.", shapes.FollowState),
        query={"creator_id": Parameter(UserId, required=True), "user_id": Parameter(UserId)},
        refusals=(401,),
    ),
    Operation(
        *("GET", "/user/{user_id}/followers", "list_followers", "Followers, newest first; with a name, by name.", shapes.PeoplePage),
        query={**_PEOPLE, "name": Parameter(Line)},
        gives=("Link",),
    ),
    Operation(
        *("GET", "/user/{user_id}/following", "list_following", "Whom a person follows, newest first.", shapes.PeoplePage),
        query=_PEOPLE,
        gives=("Link",),
    ),
    Operation(
        *("GET", "/products", "list_products", "Products of a creator or of all, newest first.", shapes.ProductPage),
        query={**_CREATOR, **_NUMBERED},
        gives=("Link",),
    ),
    Operation("GET", "/products/{product_id}", "get_product", "A product.", shapes.Product, gives=("ETag",), refusals=(404,)),
    Operation(
        *("POST", "/products", "create_product", "Offer a product. For creators.", shapes.Product),
        body=shapes.NewProduct,
        refusals=(409,),
        **_MADE,
    ),
    Operation(
        *("PATCH", "/products/{product_id}", "update_product", "Change what the body names.", shapes.Product),
        body=shapes.ProductChange,
        refusals=(404, 412, 428),
        **_CHANGED,
    ),
    Operation(
        *("GET", "/drops", "list_drops", "Drops by their start; what is to come soonest first, all else latest first.", shapes.DropPage),
        query={"status": Parameter(DropState), **_CREATOR, **_NUMBERED},
        gives=("Link",),
    ),
    Operation("GET", "/drops/{drop_id}", "get_drop", "A drop with its live stock.", shapes.Drop, gives=("ETag",), refusals=(404,)),
    Operation(
        *("POST", "/drops", "schedule_drop", "Announce a sale of a product. For its creator.", shapes.Drop),
        body=shapes.NewDrop,
        refusals=(404, 409),
        **_MADE,
    ),
    Operation(
        *("PATCH", "/drops/{drop_id}", "change_drop", "Change what the body names.", shapes.Drop),
        body=shapes.DropChange,
        refusals=(404, 409, 412, 428),
        **_CHANGED,
    ),
    Operation(
        *("POST", "/drops/{drop_id}/end", "end_drop", "End a live sale now; what was sold stays sold.", shapes.Drop),
        gives=("ETag",),
        signed_in=True,
        refusals=(404, 409),
    ),
    Operation(
        *("POST", "/drops/{drop_id}/cancel", "cancel_drop", "Take a drop back; its orders are cancelled.", shapes.Drop),
        body=shapes.Cancellation,
        gives=("ETag",),
        signed_in=True,
        refusals=(404, 409),
    ),
    Operation(
        *("GET", "/search", "search", "Products, drops and creators that fit, best first.", shapes.SearchPage),
        query={
            "q": Parameter(SearchText, default=""),
            "kind": Parameter(SeveralKinds),
            "status": Parameter(SeveralStates),
            "tag": Parameter(Annotated[str, Meta(description="One, or several with commas between them.")]),
            **_CREATOR,
            "currency": Parameter(Currency),
            "min_price": Parameter(Amount),
            "max_price": Parameter(Amount),
            "sort": Parameter(SearchSort, default=SearchSort.RELEVANCE.value),
            "facets": Parameter(bool, default=False),
            "limit": Parameter(PageSize, default=DEFAULT_PAGE),
            **_AFTER,
        },
        gives=("Link",),
    ),
    Operation(
        *("GET", "/notifications", "list_notifications", "The signed-in person's inbox, newest first.", shapes.NotificationPage),
        query={"limit": Parameter(PageSize, default=DEFAULT_PAGE), **_AFTER, "unread": Parameter(bool, default=False)},
        gives=("Link",),
        signed_in=True,
    ),
    Operation("GET", "/notifications/unread_count", "count_unread", "How many are not read.", shapes.UnreadCount, signed_in=True),
    Operation(
        *("POST", "/notifications/read", "mark_read", "These are read, or all.", shapes.UnreadCount, 200, shapes.ReadWish),
        signed_in=True,
    ),
    Operation(
        *("GET", "/notifications/preferences", "get_preferences", "What the person does not want.", shapes.NotificationPreferences),
        signed_in=True,
    ),
    Operation(
        *("PUT", "/notifications/preferences", "set_preferences", "Replace the preferences.", shapes.NotificationPreferences),
        body=shapes.Preferences,
        signed_in=True,
    ),
    Operation(
        *("PUT", "/drops/{drop_id}/reminder", "remind", "Tell the person of a drop; again is no error.", shapes.Reminder),
        signed_in=True,
        refusals=(404, 409),
    ),
    Operation(
        *("DELETE", "/drops/{drop_id}/reminder", "forget_reminder", "Not any more; again is no error.", shapes.Reminder),
        signed_in=True,
    ),
    Operation("GET", "/notifications/endpoints", "list_endpoints", "Where the person is told.", shapes.Endpoints, signed_in=True),
    Operation(
        *("POST", "/notifications/endpoints", "add_endpoint", "Tell the person here, too.", shapes.AddedEndpoint, 201),
        body=shapes.NewEndpoint,
        signed_in=True,
        refusals=(404, 409),
    ),
    Operation(
        *("DELETE", "/notifications/endpoints/{endpoint_id}", "remove_endpoint", "Not here any more.", shapes.RemovedEndpoint),
        signed_in=True,
    ),
    Operation(
        *("POST", "/notifications/endpoints/{endpoint_id}/enable", "enable_endpoint", "Switch it on again.", shapes.Endpoint),
        signed_in=True,
        refusals=(404,),
    ),
    Operation("GET", "/notifications/push_options", "get_push_options", "What there is beside webhooks.", shapes.PushOptions),
    Operation(
        *("GET", "/analytics", "get_analytics", "Counts of a drop or a creator, or of all together, by minute or hour.", shapes.Analytics),
        query={
            "drop_id": Parameter(DropId),
            **_CREATOR,
            "grain": Parameter(Grain, default=Grain.MINUTE.value),
            "since": Parameter(Instant),
            "until": Parameter(Instant),
        },
        signed_in=True,
        refusals=(404,),
    ),
    Operation(
        *("POST", "/live/ticket", "create_live_ticket", "Opens GET /live from where no header can be sent.", shapes.LiveTicket),
        signed_in=True,
    ),
    Operation("GET", "/openapi.json", "describe", "This document.", dict[str, Any]),
)
