from typing import Any

from graphql import GraphQLResolveInfo

from gateway import notifications


def resolve_unread_count(_root: Any, info: GraphQLResolveInfo) -> int:
    """Of the signed-in person, up to 100. Error codes: UNAUTHENTICATED."""
    return notifications.count_unread(info.context)
