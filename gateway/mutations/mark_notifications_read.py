from typing import Any

from graphql import GraphQLResolveInfo

from gateway import errors, notifications
from services.contracts.errors import LiveDropsError


def resolve_mark_notifications_read(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """These are read. Error codes: INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    try:
        return {"unreadCount": notifications.mark_read(info.context, input["ids"]), "userErrors": []}
    except LiveDropsError as error:
        return {"unreadCount": None, "userErrors": errors.user_errors(error)}
