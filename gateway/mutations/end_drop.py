from typing import Any

from graphql import GraphQLResolveInfo

from gateway import drops, inputs
from gateway.types.payload import payload_of


def resolve_end_drop(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """End a sale. Error codes: NOT_FOUND, FORBIDDEN, NOT_STARTED, INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    return payload_of(info.context, "drop", lambda: drops.end(info.context, inputs.drop_id(input["id"])))
