"""RemindMePayload and ForgetReminderPayload."""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLResolveInfo

from gateway import drops, errors, notifications
from gateway.context import RequestContext
from services.contracts.errors import LiveDropsError


def payload_of(context: RequestContext, change: Callable[..., bool], drop_id: str) -> dict[str, Any]:
    """What a reminder, or the end of one, came to. Raises what is no answer but a failure of the request."""
    try:
        return {**notifications.change_reminder(context, change, drop_id, "dropId"), "userErrors": []}
    except LiveDropsError as error:
        return {"dropId": None, "isReminded": None, "userErrors": errors.user_errors(error)}


def resolve_drop(payload: dict[str, Any], info: GraphQLResolveInfo) -> dict[str, Any] | None:
    drop_id: str | None = payload["dropId"]
    return drops.find(info.context, drop_id) if drop_id else None
