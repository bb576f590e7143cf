from typing import Any

from graphql import GraphQLResolveInfo

from gateway import inputs, presenters, products
from gateway.types.connection import one_cursor_connection


def resolve_products(_root: Any, info: GraphQLResolveInfo, **asked: Any) -> dict[str, Any]:
    """A page of products, newest first. Error codes: INVALID_INPUT (creatorId, first, after)."""
    page = inputs.page(asked["first"], asked.get("after"))
    creator_id = None if asked.get("creatorId") is None else inputs.user_id(asked["creatorId"], "creatorId")
    found = products.page_of(info.context, creator_id, page)
    return one_cursor_connection([presenters.product(product) for product in found.products], found.next, page.after)
