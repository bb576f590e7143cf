"""Searching over REST. For everybody."""

from typing import Any

from flask import Blueprint, Response, g

from gateway import inputs, presenters, searches
from gateway.context import Gateway, RequestContext
from gateway.documents import DEFAULT_PAGE, FIELD_POINTS, OBJECTS_A_POINT
from gateway.rest import messages
from services.contracts.search import SearchFilter, SearchSort

# What the fields of the filter are called in a query string. Of those that are lists several come with commas between them.
_FILTER = {
    "kind": "kinds",
    "creator_id": "creatorId",
    "status": "states",
    "tag": "tags",
    "currency": "currency",
    "min_price": "minPrice",
    "max_price": "maxPrice",
}
_LISTS = ("kind", "status", "tag")
_PARAMETERS = {"q", "sort", "limit", "after", "facets", *_FILTER}


def add_routes(rest: Blueprint, gateway: Gateway) -> None:
    @rest.get("/search")
    def search() -> Response:
        """Products, drops and creators that fit, best first."""
        context = RequestContext(gateway, g.visit)
        context.charge(FIELD_POINTS["search"])
        asked = messages.query(_PARAMETERS)
        with inputs.named_as({"text": "q", "first": "limit", **{client: name for name, client in _FILTER.items()}}):
            page = inputs.page(asked.get("limit", DEFAULT_PAGE), asked.get("after"))
            context.charge(page.first // OBJECTS_A_POINT)
            text, sort = inputs.search_text(asked.get("q", "")), inputs.search_sort(asked.get("sort", SearchSort.RELEVANCE).upper())
            facets = inputs.flag(asked.get("facets", "false"), "facets")
            found = searches.page_of(context, text, _filter(asked), sort, page, facets)
        answer: dict[str, Any] = {
            "hits": [presenters.search_hit(hit) for hit in found.hits],
            "total": found.total,
            "totalIsExact": found.total_is_exact,
            "facets": [presenters.facet(facet) for facet in found.facets],
            "degraded": found.degraded,
            "limit": page.first,
            "next": found.next,
        }
        return messages.answer(answer, headers=messages.link_to_next(asked, found.next))


def _filter(asked: dict[str, str]) -> SearchFilter:
    fields: dict[str, Any] = {client: asked[name] for name, client in _FILTER.items() if name in asked}
    for name in _LISTS:
        if name in asked:
            values = asked[name].split(",")
            fields[_FILTER[name]] = values if name == "tag" else [value.upper() for value in values]
    return inputs.search_filter(fields, strict=False)
