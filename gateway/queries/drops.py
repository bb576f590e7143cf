from typing import Any

from graphql import GraphQLResolveInfo

from gateway import drops, inputs
from gateway.types.connection import one_cursor_connection


def resolve_drops(_root: Any, info: GraphQLResolveInfo, **asked: Any) -> dict[str, Any]:
    """A page of drops, by their start. Error codes: INVALID_INPUT (state, creatorId, first, after)."""
    page = inputs.page(asked["first"], asked.get("after"))
    state = None if asked.get("state") is None else inputs.drop_state(asked["state"])
    creator_id = None if asked.get("creatorId") is None else inputs.user_id(asked["creatorId"], "creatorId")
    shown = drops.page_of(info.context, drops.Wanted(state, creator_id), page)
    return one_cursor_connection(shown.drops, shown.next, page.after)
