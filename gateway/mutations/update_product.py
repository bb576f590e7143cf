from typing import Any

from graphql import GraphQLResolveInfo

from gateway import inputs, presenters, products
from gateway.types.payload import payload_of


def resolve_update_product(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Change a product. Error codes: NOT_FOUND, FORBIDDEN, STALE_VERSION, INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    context = info.context

    def update() -> dict[str, Any]:
        product_id, version = inputs.product_id(input["id"]), inputs.version(input["expectedVersion"])
        return presenters.product(products.update(context, product_id, version, input))

    return payload_of(context, "product", update)
