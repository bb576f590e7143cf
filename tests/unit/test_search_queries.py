"""From a question to a query and back, without a server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.contracts.products import DropState
from services.contracts.search import FacetValue, SearchFilter, SearchKind, SearchSort
from services.search import domain, queries
from services.search.queries import Question

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
MOMENT = int(NOW.timestamp() * 1000)


def question(text: str = "", sort: SearchSort = SearchSort.RELEVANCE, **asked: Any) -> Question:
    return Question(text, SearchFilter(**asked.pop("filter", {})), sort, NOW, asked.pop("first", 20), **asked)


def test_a_page_asks_for_one_hit_more_and_ends_ties() -> None:
    body = queries.search_body(question(first=7))
    assert body["size"] == 8
    assert body["sort"] == [{"_score": "desc"}, {"created_at": "desc"}, {"key": "asc"}]
    assert "search_after" not in body


@pytest.mark.parametrize("sort", SearchSort)
def test_every_order_ends_with_the_key(sort: SearchSort) -> None:
    assert queries.search_body(question(sort=sort))["sort"][-1] == {"key": "asc"}


def test_browsing_has_nothing_to_show_and_no_facets_unasked() -> None:
    assert {"highlight", "aggs"}.isdisjoint(queries.search_body(question("  ")))
    assert "highlight" in queries.search_body(question("shirt"))
    assert "aggs" in queries.search_body(question(facets=True))


def test_only_the_order_by_relevance_pays_for_ranks() -> None:
    assert "function_score" in queries.search_body(question("shirt"))["query"]
    assert "bool" in queries.search_body(question("shirt", SearchSort.NEWEST))["query"]


@pytest.mark.parametrize("sort", SearchSort)
@pytest.mark.parametrize("text", ["", "shirt"])
def test_tombstones_are_never_found(text: str, sort: SearchSort) -> None:
    query = queries.search_body(question(text, sort))["query"]
    found = query["function_score"]["query"] if "function_score" in query else query
    assert {"term": {"deleted": True}} in found["bool"]["must_not"]


def test_every_filter_is_a_condition() -> None:
    asked = {"kinds": [SearchKind.DROP], "creator_id": "c", "states": [DropState.LIVE], "tags": ["a"], "currency": "EUR", "min_price": 0}
    conditions = queries.conditions_of(question(filter={**asked, "max_price": 5}))
    assert {"terms": {"kind": ["DROP"]}} in conditions
    assert {"range": {"price": {"gte": 0, "lte": 5}}} in conditions
    assert len(conditions) == 6
    assert queries.conditions_of(question()) == []


def evaluate(condition: Any, source: dict[str, Any]) -> bool:
    """What Elasticsearch would say of this condition: the few kinds that states are made of."""
    ((kind, body),) = condition.items()
    if kind == "bool":
        holds = all(evaluate(one, source) for one in body.get("filter", ()))
        return holds and not any(evaluate(one, source) for one in body.get("must_not", ()))
    ((field, value),) = body.items()
    if kind == "term":
        return bool(source[field] == value)
    assert kind == "range"
    return datetime.fromisoformat(source[field]) <= datetime.fromtimestamp(value["lte"] / 1000, UTC)


HOUR = timedelta(hours=1)


@pytest.mark.parametrize("starts_at", [NOW - HOUR, NOW, NOW + HOUR / 2])
@pytest.mark.parametrize("ends_at", [NOW - HOUR / 2, NOW, NOW + HOUR])
@pytest.mark.parametrize("sold_out", [True, False])
@pytest.mark.parametrize("cancelled", [True, False])
def test_a_filter_by_state_finds_what_is_shown_in_that_state(
    starts_at: datetime, ends_at: datetime, sold_out: bool, cancelled: bool
) -> None:
    source = {
        "kind": "DROP",
        "starts_at": starts_at.isoformat(),
        "ends_at": ends_at.isoformat(),
        "sold_out": sold_out,
        "cancelled": cancelled,
    }
    found = [state for state in DropState if evaluate(queries.in_state(state, NOW), source)]
    assert found == [domain.state_at(source, NOW)]


def test_price_ranges_have_no_gap_and_belong_to_one_currency() -> None:
    assert "price" not in queries.search_body(question(facets=True))["aggs"]
    ranges = queries.search_body(question(facets=True, filter={"currency": "EUR"}))["aggs"]["price"]["range"]["ranges"]
    assert [one["from"] for one in ranges[1:]] == [one["to"] for one in ranges[:-1]]
    assert (ranges[0]["from"], ranges[0]["key"], ranges[-1]["key"]) == (0, "0-1000", "100000-")
    assert "to" not in ranges[-1]


def test_facets_leave_out_what_no_hit_has() -> None:
    found = queries.facets_of(
        {
            "state": {"buckets": {"LIVE": {"doc_count": 2}, "ENDED": {"doc_count": 0}}},
            "tag": {"buckets": [{"key": "sport", "doc_count": 1}]},
        }
    )
    assert [(facet.name, facet.values) for facet in found] == [("state", [FacetValue("LIVE", 2)]), ("tag", [FacetValue("sport", 1)])]


def test_highlights_bear_the_names_of_fields() -> None:
    shown = queries.highlights_of({"highlight": {"description": ["<em>a</em>"], "tags.text": ["<em>b</em>"]}})
    assert [one.field for one in shown] == ["tags", "description"]
    assert queries.highlights_of({}) == []
