from typing import Any

from graphql import GraphQLResolveInfo

from gateway import drops
from gateway.types.profile import profile_of


def resolve_drop(notification: dict[str, Any], info: GraphQLResolveInfo) -> dict[str, Any] | None:
    """With its live stock; null where it is of no drop."""
    drop_id: str | None = notification["dropId"]
    return drops.find(info.context, drop_id) if drop_id else None


def resolve_creator(notification: dict[str, Any], info: GraphQLResolveInfo) -> dict[str, Any] | None:
    """Null where there is none, and for somebody who was deleted."""
    creator_id: str | None = notification["creatorId"]
    return profile_of(info.context, creator_id) if creator_id else None
