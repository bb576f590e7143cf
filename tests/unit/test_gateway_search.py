"""Searching in the gateway, without a server: how often it asks."""

import uuid
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from graphql import graphql_sync

from gateway import inputs
from gateway.context import Gateway, RequestContext, Visit
from gateway.documents import Documents
from gateway.schema import load_schema
from gateway.settings import GatewaySettings
from services.contracts.errors import InvalidInput, LiveDropsError
from services.contracts.products import Product
from services.contracts.search import SearchFilter, SearchHit, SearchKind, SearchPage, Suggestion, Suggestions
from services.contracts.users import Profile
from services.contracts.values import Money

NOW = datetime.now(UTC)
PRICE = Money(4900, "EUR")
SCHEMA = load_schema()


class Mesh:
    """Search, products and users of this process, which note what they are asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.search = self.products = self.users = self.shared_reads = self

    def get_products(self, *, product_ids: list[str]) -> list[Product]:
        self.asked.append(f"products {len(product_ids)}")
        return [Product(id, id, "x", PRICE, "", [], [], 1, NOW, NOW) for id in product_ids]

    def get_profiles(self, *, user_ids: list[str]) -> list[Profile]:
        self.asked.append(f"profiles {len(user_ids)}")
        return [Profile(id, "Ann", "", "", True, NOW, 1) for id in user_ids]


class Searches:
    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    def search(self, **asked: Any) -> SearchPage:
        self._mesh.asked.append(asked)
        ids = [str(uuid.uuid4()) for _ in range(asked["first"])]
        hits = [SearchHit(SearchKind.PRODUCT, id, "x", id, "Ann", 1.0, NOW, price=PRICE, product_id=id) for id in ids]
        return SearchPage(hits, "next", 1000, False)

    def suggest(self, **asked: Any) -> Suggestions:
        self._mesh.asked.append(asked)
        return Suggestions([Suggestion(SearchKind.DROP, "d", "x")], degraded=True)


@pytest.fixture
def mesh() -> Mesh:
    made = Mesh()
    made.search = Searches(made)  # type: ignore[assignment]
    return made


def run(mesh: Mesh, query: str, **variables: Any) -> Any:
    context = RequestContext(cast(Gateway, mesh), Visit(0.0, "here", None, "id", lambda: None))
    answer = graphql_sync(SCHEMA, query, context_value=context, variable_values=variables)
    assert answer.errors is None, answer.errors
    return answer.data


def test_a_page_brings_products_and_creators_together(mesh: Mesh) -> None:
    data = run(mesh, "{search(first:30){edges{node{name product{name} creator{displayName}}} totalCount pageInfo{endCursor}}}")
    assert len(data["search"]["edges"]) == 30
    assert (data["search"]["totalCount"], data["search"]["pageInfo"]["endCursor"]) == (1000, "next")
    assert mesh.asked[1:] == ["products 30", "profiles 30"]
    assert (mesh.asked[0]["facets"], mesh.asked[0]["text"], mesh.asked[0]["filter"]) == (False, "", SearchFilter())


def test_what_the_index_knows_asks_nobody_else(mesh: Mesh) -> None:
    run(mesh, "{search(first:5){edges{node{name creatorName price{amount} state}} degraded}}")
    assert len(mesh.asked) == 1


@pytest.mark.parametrize(
    "query", ["{search{facets{name}}}", "{search{...F}} fragment F on SearchConnection{... on SearchConnection{facets{name}}}"]
)
def test_facets_are_counted_only_for_who_asks(mesh: Mesh, query: str) -> None:
    run(mesh, query)
    assert mesh.asked[0]["facets"] is True


def test_a_filter_arrives_as_the_contract_names_it(mesh: Mesh) -> None:
    fields = {"kinds": ["DROP"], "currency": "EUR", "minPrice": 100, "maxPrice": 2_000_000_000_000 // 2, "tags": None}
    run(mesh, "query($f:SearchFilter){search(filter:$f){totalCount}}", f=fields)
    assert mesh.asked[0]["filter"] == SearchFilter(kinds=[SearchKind.DROP], currency="EUR", min_price=100, max_price=10**12)


def test_completions_say_that_they_are_plain(mesh: Mesh) -> None:
    data = run(mesh, '{suggest(text:"x"){suggestions{kind id text} degraded}}')
    assert data["suggest"] == {"suggestions": [{"kind": "DROP", "id": "d", "text": "x"}], "degraded": True}
    assert mesh.asked == [{"text": "x", "first": 8}]


def test_a_search_costs_more_than_a_look() -> None:
    settings = GatewaySettings(broker_url="amqp://x", redis_url="redis://x", jwt_key="A" * 43 + "=")
    documents = Documents(SCHEMA, settings)
    assert (
        documents.prepare("{search(first:20){edges{node{id}}}}").points > documents.prepare("{products(first:20){edges{node{id}}}}").points
    )


def test_errors_are_named_as_a_query_string_names_them() -> None:
    with pytest.raises(InvalidInput) as caught, inputs.named_as({"minPrice": "min_price"}):
        raise InvalidInput(field="minPrice")
    assert caught.value.data["field"] == "min_price"
    with pytest.raises(LiveDropsError) as other, inputs.named_as({"minPrice": "min_price"}):
        raise InvalidInput()
    assert other.value.data == {}
