from typing import Any

from graphql import GraphQLResolveInfo

from gateway import errors, inputs, presenters
from services.contracts.errors import LiveDropsError


def resolve_cancel_order(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Give an order's units back. Error codes: NOT_FOUND, ENDED, FORBIDDEN, INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    info.context.require_viewer()
    try:
        order_id = inputs.order_id(input["orderId"], "orderId")
        order = info.context.gateway.orders.cancel_order(order_id=order_id, reason=input["reason"])
    except LiveDropsError as error:
        return {"order": None, "userErrors": errors.user_errors(error)}
    return {"order": presenters.order(order), "userErrors": []}
