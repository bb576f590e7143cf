from typing import Any

from graphql import FieldNode, FragmentSpreadNode, GraphQLResolveInfo, InlineFragmentNode, SelectionSetNode

from gateway import people, presenters
from gateway.inputs import Page
from services.contracts.users import Followship, Profile


def connection(info: GraphQLResolveInfo, asked: Page, listing: people.Listing) -> dict[str, Any]:
    """A page of people as a Relay connection: one RPC, which brings profiles only where a node is asked for."""
    with_nodes = _asks_for_nodes(info)
    page = people.page_of(info.context, listing, asked, with_nodes)
    last = page.people[-1].cursor if page.people else None
    pages = {
        "hasNextPage": page.next is not None,
        "hasPreviousPage": asked.after is not None,
        "startCursor": page.people[0].cursor if page.people else None,
        "endCursor": page.next or last,
    }
    if not with_nodes:
        return {"edges": [_edge(one) for one in page.people], "pageInfo": pages}
    return {"edges": [_edge(one, profile) for one, profile in people.with_profiles(info.context, page.people)], "pageInfo": pages}


def _edge(one: Followship, profile: Profile | None = None) -> dict[str, Any]:
    node = presenters.profile(profile) if profile else None
    return {"node": node, "cursor": one.cursor, "followedAt": one.followed_at}


def _asks_for_nodes(info: GraphQLResolveInfo) -> bool:
    """Directives are not looked at: what they leave out costs profiles too many, and nothing is missing."""

    def within(selections: SelectionSetNode | None, *path: str) -> bool:
        return any(asks(node, *path) for node in selections.selections) if selections else False

    def asks(node: Any, field: str, *rest: str) -> bool:
        if isinstance(node, FieldNode):
            return node.name.value == field and (not rest or within(node.selection_set, *rest))
        if isinstance(node, FragmentSpreadNode):
            return within(info.fragments[node.name.value].selection_set, field, *rest)
        assert isinstance(node, InlineFragmentNode)
        return within(node.selection_set, field, *rest)

    return any(within(node.selection_set, "edges", "node") for node in info.field_nodes)
