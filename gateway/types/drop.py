from typing import Any

from graphql import GraphQLResolveInfo

from gateway.types.product import product_of
from gateway.types.profile import profile_of


def resolve_product(drop: dict[str, Any], info: GraphQLResolveInfo) -> dict[str, Any] | None:
    """Null for a drop that an operator opened."""
    product_id: str | None = drop["productId"]
    return product_of(info.context, product_id) if product_id else None


def resolve_creator(drop: dict[str, Any], info: GraphQLResolveInfo) -> dict[str, Any] | None:
    """Null for somebody who was deleted."""
    return profile_of(info.context, drop["creatorId"])


def resolve_is_reminded(drop: dict[str, Any], info: GraphQLResolveInfo) -> bool:
    """Whether the signed-in person asked to be reminded of it; false when nobody is signed in."""
    return bool(info.context.loaders.reminders.load(drop["id"]))


def resolve_metadata(drop: dict[str, Any], _info: GraphQLResolveInfo) -> list[dict[str, str]]:
    """GraphQL has no maps."""
    return [{"key": key, "value": value} for key, value in drop["metadata"].items()]
