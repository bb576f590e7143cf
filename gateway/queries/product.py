from typing import Any

from graphql import GraphQLResolveInfo

from gateway import inputs
from gateway.types.product import product_of


def resolve_product(_root: Any, info: GraphQLResolveInfo, id: str) -> dict[str, Any] | None:
    """A product; null where there is none. Error codes: INVALID_INPUT."""
    return product_of(info.context, inputs.product_id(id))
