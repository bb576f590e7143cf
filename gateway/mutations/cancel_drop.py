from typing import Any

from graphql import GraphQLResolveInfo

from gateway import drops, inputs
from gateway.types.payload import payload_of


def resolve_cancel_drop(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Take a drop back. Error codes: NOT_FOUND, FORBIDDEN, ENDED, INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    return payload_of(info.context, "drop", lambda: drops.cancel(info.context, inputs.drop_id(input["id"]), inputs.reason(input["reason"])))
