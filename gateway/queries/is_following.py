from typing import Any

from graphql import GraphQLResolveInfo

from gateway import inputs, people


def resolve_is_following(_root: Any, info: GraphQLResolveInfo, **asked: Any) -> bool:
    """Whether the one follows the other. Error codes: INVALID_INPUT (creatorId, userId), UNAUTHENTICATED (no userId, and nobody signed in)."""
    creator_id = inputs.user_id(asked["creatorId"], "creatorId")
    user_id = None if asked.get("userId") is None else inputs.user_id(asked["userId"], "userId")
    return people.follow_state(info.context, user_id, creator_id).following
