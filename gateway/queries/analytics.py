from typing import Any

from graphql import GraphQLResolveInfo

from gateway import analytics, inputs


def resolve_analytics(_root: Any, info: GraphQLResolveInfo, **asked: Any) -> dict[str, Any]:
    """Counts by minute or hour. Error codes: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, INVALID_INPUT (dropId, creatorId, grain, since, until)."""
    wanted = {"drop_id": asked.pop("dropId", None), "creator_id": asked.pop("creatorId", None), **asked}
    with inputs.named_for_clients():
        return analytics.series(info.context, wanted)
