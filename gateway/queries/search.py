from typing import Any

from graphql import GraphQLResolveInfo

from gateway import inputs, presenters, searches
from gateway.types.connection import one_cursor_connection
from gateway.types.selections import asks_for


def resolve_search(_root: Any, info: GraphQLResolveInfo, **asked: Any) -> dict[str, Any]:
    """A page of hits, best first. Error codes: INVALID_INPUT (text, a field of the filter, first, after)."""
    page = inputs.page(asked["first"], asked.get("after"))
    text, sort = inputs.search_text(asked["text"]), inputs.search_sort(asked["sort"])
    filter = inputs.search_filter(asked.get("filter") or {})
    found = searches.page_of(info.context, text, filter, sort, page, facets=asks_for(info, "facets"))
    return {
        **one_cursor_connection([presenters.search_hit(hit) for hit in found.hits], found.next, page.after),
        "totalCount": found.total,
        "totalIsExact": found.total_is_exact,
        "facets": [presenters.facet(facet) for facet in found.facets],
        "degraded": found.degraded,
    }
