from typing import Any

from graphql import GraphQLResolveInfo

from gateway import notifications
from gateway.types.payload import payload_of


def resolve_mark_all_notifications_read(_root: Any, info: GraphQLResolveInfo) -> dict[str, Any]:
    """All that there are now are read. Error codes: as an error of the request UNAUTHENTICATED."""
    return payload_of(info.context, "unreadCount", lambda: notifications.mark_all_read(info.context))
