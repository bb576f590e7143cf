from typing import Any

from graphql import GraphQLResolveInfo

from gateway import drops
from gateway.types.product import product_of
from gateway.types.profile import profile_of
from services.contracts.search import SearchKind


def resolve_product(hit: dict[str, Any], info: GraphQLResolveInfo) -> dict[str, Any] | None:
    """The product that it is, or is a drop of."""
    product_id: str | None = hit["productId"]
    return product_of(info.context, product_id) if product_id else None


def resolve_drop(hit: dict[str, Any], info: GraphQLResolveInfo) -> dict[str, Any] | None:
    """With its live stock."""
    return drops.find(info.context, hit["id"]) if hit["kind"] == SearchKind.DROP.value else None


def resolve_creator(hit: dict[str, Any], info: GraphQLResolveInfo) -> dict[str, Any] | None:
    """Null for somebody who was deleted."""
    return profile_of(info.context, hit["creatorId"])
