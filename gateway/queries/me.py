from typing import Any

from graphql import GraphQLResolveInfo

from gateway import presenters


def resolve_me(_root: Any, info: GraphQLResolveInfo) -> dict[str, Any]:
    """The signed-in person. Error codes: UNAUTHENTICATED."""
    viewer = info.context.require_viewer()
    return presenters.user(info.context.gateway.users.get_user(user_id=viewer.id))
