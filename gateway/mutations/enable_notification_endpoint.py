from typing import Any

from graphql import GraphQLResolveInfo

from gateway import notifications
from gateway.types.payload import payload_of


def resolve_enable_notification_endpoint(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Switch an endpoint on again that failed. Error codes: NOT_FOUND, INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    return payload_of(info.context, "endpoint", lambda: notifications.enable_endpoint(info.context, input["id"]))
