from typing import Any

from graphql import GraphQLResolveInfo

from gateway.types.reminder_payload import payload_of


def resolve_remind_me(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Tell the person of a drop. Error codes: NOT_FOUND, ENDED, INVALID_INPUT; as an error of the request UNAUTHENTICATED, RATE_LIMITED."""
    return payload_of(info.context, info.context.gateway.notifications.remind, input["dropId"])
