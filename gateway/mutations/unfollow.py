from typing import Any

from graphql import GraphQLResolveInfo

from gateway.types.follow_payload import payload_of


def resolve_unfollow(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Follow somebody no more. Error codes: INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    return payload_of(info.context, info.context.gateway.users.unfollow, input["creatorId"])
