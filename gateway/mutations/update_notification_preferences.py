from typing import Any

from graphql import GraphQLResolveInfo

from gateway import errors, notifications
from services.contracts.errors import LiveDropsError


def resolve_update_notification_preferences(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Replace the signed-in person's preferences. Error codes: INVALID_INPUT; as an error of the request UNAUTHENTICATED."""
    try:
        return {"preferences": notifications.prefer(info.context, input), "userErrors": []}
    except LiveDropsError as error:
        return {"preferences": None, "userErrors": errors.user_errors(error)}
