from typing import Any

from graphql import GraphQLResolveInfo

from gateway import errors, inputs, presenters
from services.contracts.errors import InvalidInput


def resolve_place_order(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Buy units of a drop. Error codes: SOLD_OUT, INSUFFICIENT_STOCK, NOT_STARTED, ENDED, LIMIT_REACHED,
    IDEMPOTENCY_KEY_REUSED, NOT_FOUND, INVALID_INPUT; as errors of the request UNAUTHENTICATED, BUSY, DEADLINE_EXCEEDED, UNAVAILABLE."""
    buyer = info.context.require_viewer()
    try:
        request = inputs.place_order(input["dropId"], buyer.id, input["quantity"], input["idempotencyKey"])
    except InvalidInput as error:
        return {"order": None, "userErrors": errors.user_errors(error)}
    placement = info.context.gateway.checkout.place(request)
    if placement.order is None:
        return {"order": None, "userErrors": errors.user_errors(errors.of_placement(placement))}
    return {"order": presenters.order(placement.order), "userErrors": []}
