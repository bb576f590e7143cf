"""Sign in, refresh, sign out: the life of a session."""

from typing import Any

from graphql import GraphQLResolveInfo

from gateway import errors, presenters
from gateway.context import Gateway
from services.contracts.errors import InvalidInput, LiveDropsError, Unauthenticated
from services.contracts.users import Session


def resolve_sign_in(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Begin a session. Error codes: UNAUTHENTICATED (unknown address or wrong password), INVALID_INPUT."""
    gateway: Gateway = info.context.gateway
    try:
        return _payload(gateway, gateway.users.sign_in(email=input["email"], password=input["password"]))
    except (Unauthenticated, InvalidInput) as error:
        return _refused(error)


def resolve_refresh(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Go on with a session. Error codes: UNAUTHENTICATED (used, expired or unknown token), INVALID_INPUT."""
    gateway: Gateway = info.context.gateway
    try:
        return _payload(gateway, gateway.users.refresh(refresh_token=input["refreshToken"]))
    except (Unauthenticated, InvalidInput) as error:
        return _refused(error)


def resolve_sign_out(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """End a session; an ended one is no error. Error codes: INVALID_INPUT."""
    try:
        info.context.gateway.users.sign_out(refresh_token=input["refreshToken"])
    except (Unauthenticated, InvalidInput) as error:
        return {"userErrors": _refused(error)["userErrors"]}
    return {"userErrors": []}


def _payload(gateway: Gateway, session: Session) -> dict[str, Any]:
    return {
        "user": presenters.user(session.user),
        "accessToken": gateway.tokens.issue(session.user),
        "expiresIn": gateway.tokens.life_s,
        "refreshToken": session.refresh_token,
        "userErrors": [],
    }


def _refused(error: LiveDropsError) -> dict[str, Any]:
    """Here, a wrong password is an answer: the request itself needs nobody signed in."""
    shown = InvalidInput(error.message, **error.data)
    return {"userErrors": [{**errors.user_errors(shown)[0], "code": error.code}]}
