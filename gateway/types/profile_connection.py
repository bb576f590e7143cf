from typing import Any

from graphql import GraphQLResolveInfo

from gateway import people, presenters
from gateway.inputs import Page
from gateway.types.selections import asks_for
from services.contracts.users import Followship, Profile


def connection(info: GraphQLResolveInfo, asked: Page, listing: people.Listing) -> dict[str, Any]:
    """A page of people as a Relay connection: one RPC, which brings profiles only where a node is asked for."""
    with_nodes = asks_for(info, "edges", "node")
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
