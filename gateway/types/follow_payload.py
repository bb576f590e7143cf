"""FollowPayload and UnfollowPayload."""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLResolveInfo

from gateway import errors, people, presenters
from gateway.context import RequestContext
from gateway.types.profile import profile_of
from services.contracts.errors import LiveDropsError
from services.contracts.users import FollowState


def payload_of(context: RequestContext, change: Callable[..., FollowState], creator_id: str) -> dict[str, Any]:
    """What a follow or unfollow came to. Raises what is no answer but a failure of the request."""
    try:
        state = people.change_follow(context, change, creator_id)
    except LiveDropsError as error:
        return {"creatorId": None, "isFollowing": None, "followedAt": None, "userErrors": errors.user_errors(error)}
    return {**presenters.follow_state(state), "userErrors": []}


def resolve_creator(payload: dict[str, Any], info: GraphQLResolveInfo) -> dict[str, Any] | None:
    creator_id: str | None = payload["creatorId"]
    return profile_of(info.context, creator_id) if creator_id else None
