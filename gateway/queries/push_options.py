from typing import Any

from graphql import GraphQLResolveInfo

from gateway import notifications


def resolve_push_options(_root: Any, info: GraphQLResolveInfo) -> dict[str, Any]:
    """What there is beside webhooks."""
    return notifications.push_options(info.context)
