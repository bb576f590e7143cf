from typing import Any

from graphql import GraphQLResolveInfo

from gateway import inputs, notifications, presenters
from gateway.types.connection import one_cursor_connection


def resolve_notifications(_root: Any, info: GraphQLResolveInfo, **asked: Any) -> dict[str, Any]:
    """A page of the signed-in person's inbox. Error codes: UNAUTHENTICATED, INVALID_INPUT (first, after)."""
    page = inputs.page(asked["first"], asked.get("after"))
    found = notifications.page_of(info.context, page, asked["unreadOnly"])
    connection = one_cursor_connection([presenters.notification(told) for told in found.notifications], found.next, page.after)
    return {**connection, "unreadCount": found.unread}
