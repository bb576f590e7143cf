from typing import Any

from graphql import GraphQLResolveInfo

from gateway import errors, presenters
from services.contracts.errors import LiveDropsError


def resolve_sign_up(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Become a fan. Error codes: EMAIL_TAKEN, INVALID_INPUT."""
    try:
        user = info.context.gateway.users.sign_up(name=input["name"], email=input["email"], password=input["password"])
    except LiveDropsError as error:
        return {"user": None, "userErrors": errors.user_errors(error)}
    return {"user": presenters.user(user), "userErrors": []}
