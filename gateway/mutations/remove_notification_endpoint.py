from typing import Any

from graphql import GraphQLResolveInfo

from gateway import notifications
from gateway.types.payload import payload_of


def resolve_remove_notification_endpoint(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Tell the signed-in person here no more. Error codes: INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    return payload_of(info.context, "endpointId", lambda: notifications.remove_endpoint(info.context, input["id"]))
