from typing import Any

from graphql import GraphQLResolveInfo

from gateway import errors, inputs
from gateway.context import Gateway
from services.contracts.errors import InvalidInput, LiveDropsError, NotFound


def resolve_delete_account(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Delete the signed-in person's account. Error codes: INVALID_INPUT (email); as an error of the request UNAUTHENTICATED."""
    viewer = info.context.require_viewer()
    try:
        _delete(info.context.gateway, viewer.id, inputs.email(input["email"]))
    except LiveDropsError as error:
        return {"userErrors": errors.user_errors(error)}
    return {"userErrors": []}


def _delete(gateway: Gateway, user_id: str, email: str) -> None:
    """Raises InvalidInput where the address is not the person's own."""
    try:
        user = gateway.users.get_user(user_id=user_id)
    except NotFound:  # a retry, after an answer that was lost: what was wished has happened
        return
    if user.email.casefold() != email.casefold():
        raise InvalidInput("This is not the account's e-mail address.", field="email")
    gateway.users.delete_user(user_id=user_id)
