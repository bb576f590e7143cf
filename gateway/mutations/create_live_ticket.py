from typing import Any

from graphql import GraphQLResolveInfo

from gateway import live_tickets


def resolve_create_live_ticket(_root: Any, info: GraphQLResolveInfo) -> dict[str, Any]:
    """What opens a live stream from where no header can be sent. Error codes: none; as an error of the request UNAUTHENTICATED."""
    return {**live_tickets.issue(info.context), "userErrors": []}
