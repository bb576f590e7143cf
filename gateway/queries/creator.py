from typing import Any

from graphql import GraphQLResolveInfo

from gateway import inputs
from gateway.types.profile import profile_of


def resolve_creator(_root: Any, info: GraphQLResolveInfo, id: str) -> dict[str, Any] | None:
    """What everybody may know of a creator; null where there is none. Error codes: INVALID_INPUT."""
    profile = profile_of(info.context, inputs.user_id(id))
    return profile if profile and profile["isCreator"] else None
