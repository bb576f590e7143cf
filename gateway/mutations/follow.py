from typing import Any

from graphql import GraphQLResolveInfo

from gateway.types.follow_payload import payload_of


def resolve_follow(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Follow somebody. Error codes: CANNOT_FOLLOW_SELF, NOT_FOUND, INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    return payload_of(info.context, info.context.gateway.users.follow, input["creatorId"])
