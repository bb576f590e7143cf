from typing import Any

from graphql import GraphQLResolveInfo

from gateway import notifications
from gateway.types.payload import payload_of


def resolve_mark_notifications_read(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """These are read. Error codes: INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    return payload_of(info.context, "unreadCount", lambda: notifications.mark_read(info.context, input["ids"]))
