"""How the mesh's payloads look to a client: camel case. The same for GraphQL and REST.

Times stay datetimes in UTC: GraphQL's DateTime and REST's JSON both write them as ISO 8601, GraphQL only those that are asked for.
"""

from datetime import UTC, datetime
from typing import Any

from gateway.inputs import client_name
from services.contracts.analytics import Series
from services.contracts.media import MediaFile
from services.contracts.notifications import Endpoint, Notice, Notification, Preferences
from services.contracts.orders import Order, Stock
from services.contracts.products import Drop, DropState, Product
from services.contracts.search import Facet, SearchHit, Suggestion
from services.contracts.tallies import Counts
from services.contracts.users import FollowState, Profile, User
from services.contracts.values import Money

_COUNTS = {name: client_name(name) for name in Counts.__struct_fields__}


def instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def money(value: Money) -> dict[str, Any]:
    return {"amount": value.amount, "currency": value.currency}


def order(value: Order) -> dict[str, Any]:
    return {
        "id": value.id,
        "dropId": value.drop_id,
        "name": value.name,
        "quantity": value.quantity,
        "status": value.status.value,
        "unitPrice": money(value.unit_price),
        "placedAt": value.placed_at,
    }


def user(value: User) -> dict[str, Any]:
    return {
        "id": value.id,
        "name": value.name,
        "email": value.email,
        "roles": [role.value for role in value.roles],
        "createdAt": value.created_at,
        "displayName": value.display_name,
        "bio": value.bio,
        "picture": value.picture or None,
    }


def own_roles(value: User) -> dict[str, Any]:
    return {"userId": value.id, "roles": [role.value for role in value.roles]}


def profile(value: Profile) -> dict[str, Any]:
    return {
        "id": value.user_id,
        "displayName": value.display_name,
        "bio": value.bio,
        "picture": value.picture or None,
        "isCreator": value.is_creator,
        "createdAt": value.created_at,
        "followerCount": value.follower_count,
        "followingCount": value.following_count,
    }


def follow_state(value: FollowState) -> dict[str, Any]:
    return {
        "userId": value.user_id,
        "creatorId": value.creator_id,
        "isFollowing": value.following,
        "followedAt": value.followed_at,
    }


def product(value: Product) -> dict[str, Any]:
    return {
        "id": value.id,
        "creatorId": value.creator_id,
        "name": value.name,
        "description": value.description,
        "tags": value.tags,
        "price": money(value.price),
        "media": value.media,
        "version": value.version,
        "createdAt": value.created_at,
        "updatedAt": value.updated_at,
    }


def media_file(value: MediaFile) -> dict[str, Any]:
    return {
        "id": value.id,
        "filename": value.filename,
        "contentType": value.content_type,
        "size": value.size,
        "sha256": value.sha256,
        "url": value.url,
        "width": value.width,
        "height": value.height,
        "thumbnails": [{"name": one.name, "width": one.width, "height": one.height, "url": one.url} for one in value.thumbnails],
        "createdAt": value.created_at,
    }


def stock(value: Stock) -> dict[str, Any]:
    return {"total": value.total, "available": value.available, "held": value.held, "sold": value.sold, "version": value.version}


def drop(value: Stock, card: Drop | None) -> dict[str, Any]:
    """A drop by its stock, which is what it is sold by, with what only products knows. card: None for one that an operator opened."""
    cancelled = card is not None and card.cancelled_at is not None
    return {
        "id": value.drop_id,
        "name": value.name,
        "creatorId": value.creator_id,
        "startsAt": value.starts_at,
        "endsAt": value.ends_at,
        "unitPrice": money(value.unit_price),
        "perUserLimit": value.per_user_limit,
        "state": DropState.CANCELLED.value if cancelled else value.state.value,
        "stock": stock(value),
        "productId": card.product_id if card else None,
        "metadata": card.metadata if card else {},
        "cancelledAt": card.cancelled_at if card else None,
        "version": card.version if card else None,
    }


def search_hit(value: SearchHit) -> dict[str, Any]:
    return {
        "kind": value.kind.value,
        "id": value.id,
        "name": value.name,
        "creatorId": value.creator_id,
        "creatorName": value.creator_name,
        "createdAt": value.created_at,
        "followerCount": value.followers,
        "price": money(value.price) if value.price else None,
        "tags": value.tags,
        "media": value.media,
        "productId": value.product_id,
        "startsAt": value.starts_at,
        "endsAt": value.ends_at,
        "state": value.state.value if value.state else None,
        "highlights": [{"field": found.field, "fragments": found.fragments} for found in value.highlights],
    }


def facet(value: Facet) -> dict[str, Any]:
    return {"name": value.name, "values": [{"value": one.value, "count": one.count} for one in value.values]}


def suggestion(value: Suggestion) -> dict[str, Any]:
    return {"kind": value.kind.value, "id": value.id, "text": value.text}


def notice(value: Notice) -> dict[str, Any]:
    return {
        "id": value.id,
        "kind": value.kind.value,
        "at": value.at,
        "name": value.name,
        "creatorId": value.creator_id,
        "dropId": value.drop_id,
        "orderId": value.order_id,
        "quantity": value.quantity,
        "available": value.available,
        "total": value.total,
        "reason": value.reason,
    }


def notification(value: Notification) -> dict[str, Any]:
    return {**notice(value.notice), "read": value.read, "personal": value.personal}


def preferences(value: Preferences) -> dict[str, Any]:
    muted = [{"kind": one.kind.value, "channel": one.channel.value} for one in value.muted]
    return {"muted": muted, "mutedCreators": value.muted_creators}


def endpoint(value: Endpoint) -> dict[str, Any]:
    return {
        "id": value.id,
        "kind": value.kind.value,
        "url": value.url,
        "enabled": value.enabled,
        "createdAt": value.created_at,
        "failingSince": value.failing_since,
        "disabledReason": value.disabled_reason,
    }


def series(value: Series) -> dict[str, Any]:
    return {
        "grain": value.grain.value,
        "since": value.since,
        "until": value.until,
        "points": [{"at": point.at, "counts": counts(point.counts)} for point in value.points],
        "totals": counts(value.totals),
    }


def counts(value: Counts) -> dict[str, int]:
    return {told: getattr(value, name) for name, told in _COUNTS.items()}
