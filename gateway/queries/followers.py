from typing import Any

from graphql import GraphQLResolveInfo

from gateway import inputs, people
from gateway.types.profile_connection import connection


def resolve_followers(_root: Any, info: GraphQLResolveInfo, **asked: Any) -> dict[str, Any]:
    """A page of those who follow a person. Error codes: INVALID_INPUT (creatorId, first, after, name)."""
    page = inputs.page(asked["first"], asked.get("after"))
    creator_id = inputs.user_id(asked["creatorId"], "creatorId")
    return connection(info, page, people.followers(info.context, creator_id, asked.get("name")))
