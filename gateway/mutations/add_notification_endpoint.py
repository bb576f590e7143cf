from typing import Any

from graphql import GraphQLResolveInfo

from gateway import notifications
from gateway.types.payload import payload_of


def resolve_add_notification_endpoint(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Tell the signed-in person here, too. Error codes: TOO_MANY_ENDPOINTS, ADDRESS_NOT_ALLOWED, CHANNEL_OFF, NOT_FOUND, INVALID_INPUT;
    as an error of the request UNAUTHENTICATED.
    """
    payload = payload_of(info.context, "added", lambda: notifications.add_endpoint(info.context, input))
    return {**(payload["added"] or {"endpoint": None, "secret": None}), "userErrors": payload["userErrors"]}
