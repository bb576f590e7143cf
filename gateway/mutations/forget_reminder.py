from typing import Any

from graphql import GraphQLResolveInfo

from gateway.types.reminder_payload import payload_of


def resolve_forget_reminder(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Not any more. Error codes: INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    return payload_of(info.context, info.context.gateway.notifications.forget_reminder, input["dropId"])
