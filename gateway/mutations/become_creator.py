from typing import Any

from graphql import GraphQLResolveInfo

from gateway import errors, presenters
from services.contracts.errors import LiveDropsError


def resolve_become_creator(_root: Any, info: GraphQLResolveInfo) -> dict[str, Any]:
    """Let the signed-in person sell. Error codes: NOT_FOUND; as an error of the request UNAUTHENTICATED, RATE_LIMITED."""
    viewer = info.context.require_viewer()
    try:
        user = info.context.gateway.users.become_creator(user_id=viewer.id)
    except LiveDropsError as error:
        return {"user": None, "userErrors": errors.user_errors(error)}
    return {"user": presenters.user(user), "userErrors": []}
