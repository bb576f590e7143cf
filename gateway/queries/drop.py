from typing import Any

from graphql import GraphQLResolveInfo

from gateway import drops, inputs


def resolve_drop(_root: Any, info: GraphQLResolveInfo, id: str) -> dict[str, Any] | None:
    """A drop with its live stock; null where there is none. Error codes: INVALID_INPUT."""
    return drops.visit(info.context, inputs.drop_id(id))
