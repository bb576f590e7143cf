from typing import Any

from graphql import GraphQLResolveInfo

from services.contracts.users import Profile


def resolve_follower_count(user: dict[str, Any], info: GraphQLResolveInfo) -> int:
    profile = _profile(user, info)
    return profile.follower_count if profile else 0


def resolve_following_count(user: dict[str, Any], info: GraphQLResolveInfo) -> int:
    profile = _profile(user, info)
    return profile.following_count if profile else 0


def _profile(user: dict[str, Any], info: GraphQLResolveInfo) -> Profile | None:
    """The public profile, which has the counts; None for somebody who was deleted a moment ago."""
    return info.context.loaders.profiles.load(user["id"])  # type: ignore[no-any-return]
