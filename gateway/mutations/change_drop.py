from typing import Any

from graphql import GraphQLResolveInfo

from gateway import drops, inputs
from gateway.types.payload import payload_of


def resolve_change_drop(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Change a drop. Error codes: NOT_FOUND, FORBIDDEN, STALE_VERSION, DROP_FIXED, ENDED, CONFLICT, INVALID_INPUT;
    as an error of the request UNAUTHENTICATED."""
    context = info.context

    def change() -> dict[str, Any]:
        fields = {**input, "metadata": inputs.metadata(input.get("metadata"))}
        return drops.change(context, inputs.drop_id(input["id"]), inputs.version(input["expectedVersion"]), fields)

    return payload_of(context, "drop", change)
