from typing import Any

from graphql import GraphQLResolveInfo

from gateway import notifications
from gateway.types.payload import payload_of


def resolve_update_notification_preferences(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Replace the signed-in person's preferences. Error codes: INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    return payload_of(info.context, "preferences", lambda: notifications.prefer(info.context, input))
