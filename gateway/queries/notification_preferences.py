from typing import Any

from graphql import GraphQLResolveInfo

from gateway import notifications


def resolve_notification_preferences(_root: Any, info: GraphQLResolveInfo) -> dict[str, Any]:
    """What the signed-in person does not want. Error codes: UNAUTHENTICATED."""
    return notifications.preferences(info.context)
