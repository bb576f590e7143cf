from typing import Any

from graphql import GraphQLResolveInfo

from gateway import inputs, presenters
from gateway.context import Gateway
from services.contracts.errors import NotFound
from services.contracts.orders import Stock


def resolve_drop(_root: Any, info: GraphQLResolveInfo, id: str) -> dict[str, Any] | None:
    """A drop with its live stock; null where there is none. Error codes: INVALID_INPUT."""
    try:
        return presenters.drop(live_stock(info.context.gateway, inputs.drop_id(id)))
    except NotFound:
        return None


def live_stock(gateway: Gateway, drop_id: str) -> Stock:
    """From the cache, where orders keeps it current; from orders itself where it is not there. Raises NotFound."""
    return gateway.shown.look(drop_id) or gateway.orders.get_stock(drop_id=drop_id)
