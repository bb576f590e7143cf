from typing import Any

from graphql import FieldNode, FragmentSpreadNode, GraphQLResolveInfo, InlineFragmentNode, SelectionSetNode

from gateway import people, presenters
from gateway.inputs import Page
from services.contracts.users import FollowPage, Followship, Profile


def connection(asked: Page, page: FollowPage) -> dict[str, Any]:
    """A page of people as a Relay connection; its edges are resolved when asked for."""
    last = page.people[-1].cursor if page.people else None
    pages = {
        "hasNextPage": page.next is not None,
        "hasPreviousPage": asked.after is not None,
        "startCursor": page.people[0].cursor if page.people else None,
        "endCursor": page.next or last,
    }
    return {"people": page.people, "pageInfo": pages}


def resolve_edges(connection: dict[str, Any], info: GraphQLResolveInfo) -> list[dict[str, Any]]:
    """One RPC for all profiles, or none where no node is asked for."""
    listed: list[Followship] = connection["people"]
    if not _asks_for_node(info):
        return [_edge(one) for one in listed]
    return [_edge(one, profile) for one, profile in people.with_profiles(info.context, listed)]


def _edge(one: Followship, profile: Profile | None = None) -> dict[str, Any]:
    node = presenters.profile(profile) if profile else None
    return {"node": node, "cursor": one.cursor, "followedAt": presenters.instant(one.followed_at)}


def _asks_for_node(info: GraphQLResolveInfo) -> bool:
    """Directives are not looked at: what they leave out costs an RPC too many, and nothing is missing."""

    def within(selections: SelectionSetNode | None) -> bool:
        return any(asks(node) for node in selections.selections) if selections else False

    def asks(node: Any) -> bool:
        if isinstance(node, FieldNode):
            return node.name.value == "node"
        if isinstance(node, FragmentSpreadNode):
            return within(info.fragments[node.name.value].selection_set)
        assert isinstance(node, InlineFragmentNode)
        return within(node.selection_set)

    return any(within(node.selection_set) for node in info.field_nodes)
