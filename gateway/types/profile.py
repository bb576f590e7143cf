from typing import Any

from graphql import GraphQLResolveInfo

from gateway import presenters
from gateway.context import RequestContext


def profile_of(context: RequestContext, user_id: str) -> dict[str, Any] | None:
    """A person's profile; None where there is no such person."""
    profile = context.loaders.profiles.load(user_id)
    return presenters.profile(profile) if profile else None


def resolve_is_following(profile: dict[str, Any], info: GraphQLResolveInfo) -> bool | None:
    """Whether the signed-in person follows this one; null when nobody is signed in."""
    return info.context.loaders.follows.load(profile["id"])  # type: ignore[no-any-return]
