from typing import Any

from graphql import GraphQLResolveInfo

from gateway import notifications


def resolve_notification_endpoints(_root: Any, info: GraphQLResolveInfo) -> list[dict[str, Any]]:
    """Where the signed-in person is told who is away. Error codes: UNAUTHENTICATED."""
    return notifications.endpoints(info.context)
