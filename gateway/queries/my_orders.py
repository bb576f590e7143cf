from typing import Any

from graphql import GraphQLResolveInfo

from gateway import presenters


def resolve_my_orders(_root: Any, info: GraphQLResolveInfo, first: int, after: str | None = None) -> dict[str, Any]:
    """A page of the signed-in person's orders. Error codes: UNAUTHENTICATED, INVALID_INPUT (first, after)."""
    viewer = info.context.require_viewer()
    page = info.context.gateway.orders.list_orders(user_id=viewer.id, first=first, after=after)
    edges: list[dict[str, Any]] = [{"node": presenters.order(order), "cursor": None} for order in page.orders]
    if edges:
        edges[-1]["cursor"] = page.next
    pages = {"hasNextPage": page.next is not None, "hasPreviousPage": after is not None, "startCursor": None, "endCursor": page.next}
    return {"edges": edges, "pageInfo": pages}
