from typing import Any

from graphql import GraphQLResolveInfo

from gateway import inputs, presenters
from services.contracts.errors import NotFound


def resolve_order(_root: Any, info: GraphQLResolveInfo, id: str) -> dict[str, Any] | None:
    """An order that the signed-in person may see; null where there is none. Error codes: UNAUTHENTICATED, INVALID_INPUT."""
    info.context.require_viewer()
    try:
        return presenters.order(info.context.gateway.orders.get_order(order_id=inputs.order_id(id)))
    except NotFound:
        return None
