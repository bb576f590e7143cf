from typing import Any

from graphql import GraphQLResolveInfo

from gateway import inputs, presenters, products
from gateway.types.payload import payload_of


def resolve_create_product(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Offer a product. Error codes: FORBIDDEN, CONFLICT, INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    context = info.context

    def create() -> dict[str, Any]:
        return presenters.product(products.create(context, inputs.idempotency_key(input["idempotencyKey"]), input))

    return payload_of(context, "product", create)
