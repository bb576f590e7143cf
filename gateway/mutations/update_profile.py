from typing import Any

from graphql import GraphQLResolveInfo

from gateway import errors, inputs, presenters
from services.contracts.errors import LiveDropsError


def resolve_update_profile(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Change the signed-in person. Error codes: EMAIL_TAKEN, NOT_FOUND, INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    viewer = info.context.require_viewer()
    try:
        user = info.context.gateway.users.update_user(user_id=viewer.id, change=inputs.user_change(input))
    except LiveDropsError as error:
        return {"user": None, "userErrors": errors.user_errors(error)}
    return {"user": presenters.user(user), "userErrors": []}
