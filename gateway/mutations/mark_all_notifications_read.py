from typing import Any

from graphql import GraphQLResolveInfo

from gateway import errors, notifications
from services.contracts.errors import LiveDropsError


def resolve_mark_all_notifications_read(_root: Any, info: GraphQLResolveInfo) -> dict[str, Any]:
    """All that there are now are read. Error codes: as an error of the request UNAUTHENTICATED."""
    try:
        return {"unreadCount": notifications.mark_all_read(info.context), "userErrors": []}
    except LiveDropsError as error:
        return {"unreadCount": None, "userErrors": errors.user_errors(error)}
