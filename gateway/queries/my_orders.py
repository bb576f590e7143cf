from typing import Any

from graphql import GraphQLResolveInfo

from gateway import presenters
from gateway.types.connection import one_cursor_connection


def resolve_my_orders(_root: Any, info: GraphQLResolveInfo, first: int, after: str | None = None) -> dict[str, Any]:
    """A page of the signed-in person's orders. Error codes: UNAUTHENTICATED, INVALID_INPUT (first, after)."""
    viewer = info.context.require_viewer()
    page = info.context.gateway.orders.list_orders(user_id=viewer.id, first=first, after=after)
    return one_cursor_connection([presenters.order(order) for order in page.orders], page.next, after)
