from typing import Any

from graphql import GraphQLResolveInfo

from gateway import drops, inputs
from gateway.types.payload import payload_of


def resolve_schedule_drop(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Announce a sale. Error codes: NOT_FOUND, FORBIDDEN, CONFLICT, INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    context = info.context

    def schedule() -> dict[str, Any]:
        fields = {**input, "metadata": inputs.metadata(input.get("metadata"))}
        return drops.schedule(context, inputs.idempotency_key(input["idempotencyKey"]), fields)

    return payload_of(context, "drop", schedule)
