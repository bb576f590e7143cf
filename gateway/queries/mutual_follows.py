from functools import partial
from typing import Any

from graphql import GraphQLResolveInfo

from gateway import inputs
from gateway.types.profile_connection import connection


def resolve_mutual_follows(_root: Any, info: GraphQLResolveInfo, **asked: Any) -> dict[str, Any]:
    """A page of those whom a person follows and who follow back. Error codes: INVALID_INPUT (userId, first, after)."""
    page = inputs.page(asked["first"], asked.get("after"))
    user_id = inputs.user_id(asked["userId"], "userId")
    return connection(info, page, partial(info.context.gateway.users.list_mutual, user_id=user_id))
