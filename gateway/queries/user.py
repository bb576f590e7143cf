from typing import Any

from graphql import GraphQLResolveInfo

from gateway import inputs
from gateway.types.profile import profile_of


def resolve_user(_root: Any, info: GraphQLResolveInfo, id: str) -> dict[str, Any] | None:
    """What everybody may know of a person; null where there is none. Error codes: INVALID_INPUT."""
    return profile_of(info.context, inputs.user_id(id))
