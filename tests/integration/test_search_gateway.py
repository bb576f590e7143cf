"""Searching over GraphQL and REST, and by plain text where there is no search engine."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.contracts.errors import InvalidInput
from services.contracts.products import DropState, NewDrop, Product, Products, Sought
from services.contracts.search import Search, SearchFilter, SearchKind, SearchPage, SearchSort
from services.contracts.users import Role
from services.kernel.cache import Cache
from services.kernel.cursors import Cursors
from services.kernel.metrics import Metrics
from services.kernel.read_through import ReadThrough
from services.kernel.rpc_client import RpcClient
from services.search import usecases
from services.search.engine import Engine
from services.search.index import Names
from services.search.plain import Shelves
from services.search.reindexing import JobStore
from services.search.store import Pages
from services.search.usecases import Desk
from stack.api import Stack
from tests.conftest import Person
from tests.integration.conftest import Member
from tests.integration.searching import all_pages, found, ids_of, some_word
from tests.integration.uploading import Uploader, image

MakeProduct = Callable[..., Product]
SEARCH = """
query S($text: String!, $filter: SearchFilter, $sort: SearchSort! = RELEVANCE, $first: Int! = 20, $after: String) {
  search(text: $text, filter: $filter, sort: $sort, first: $first, after: $after) {
    edges { cursor node {
      kind id name creatorId creatorName createdAt followerCount price { amount currency } tags media productId startsAt endsAt state
      highlights { field fragments } product { name creator { displayName } } drop { state stock { available } } creator { followerCount }
    } }
    pageInfo { hasNextPage endCursor } totalCount totalIsExact degraded
  }
}
"""


@pytest.fixture(scope="module")
def search(operations: RpcClient, elasticsearch_url: str) -> Search:
    return operations.service("search", Search)


def schedule(products: Products, product: Product, starts_in_s: float = 0) -> str:
    begin = datetime.now(UTC) + timedelta(seconds=starts_in_s)
    return products.schedule_drop(drop_id=str(uuid.uuid4()), product_id=product.id, drop=NewDrop(begin, begin + timedelta(hours=1), 5)).id


def test_hits_bring_what_they_are_of(
    address: str, search: Search, products: Products, member: Callable[..., Member], make_product: MakeProduct
) -> None:
    word = some_word()
    creator = member("Ann", Role.CREATOR)
    product = make_product(creator.id, name=word, tags=["a"], media=[Uploader(address, creator).upload(image(), "image/png")])
    drop = schedule(products, product)
    found(search, [product.id, drop], text=word)
    data = creator.ask(SEARCH, text=word)["search"]
    assert (data["totalCount"], data["totalIsExact"], data["degraded"]) == (2, True, False)
    hits = {edge["node"]["kind"]: edge["node"] for edge in data["edges"]}
    assert hits["DROP"]["id"] == drop
    assert (hits["DROP"]["state"], hits["DROP"]["drop"]["state"], hits["DROP"]["drop"]["stock"]["available"]) == ("LIVE", "LIVE", 5)
    for hit in hits.values():
        assert hit["product"] == {"name": word, "creator": {"displayName": "Ann"}}
        assert (hit["creatorName"], hit["creator"], hit["tags"], hit["media"]) == ("Ann", {"followerCount": 0}, ["a"], product.media)
        assert hit["highlights"][0] == {"field": "name", "fragments": [f"<em>{word}</em>"]}
    assert hits["PRODUCT"]["drop"] is None


def test_pages_follow_each_other(search: Search, person: Callable[..., Person], make_product: MakeProduct) -> None:
    word, somebody = some_word(), person()
    made = [make_product(name=f"{word} {number}").id for number in range(5)]
    found(search, made, text=word)
    seen: list[str] = []
    after = None
    while True:
        page = somebody.graphql(SEARCH, {"text": word, "first": 2, "after": after, "filter": {"kinds": ["PRODUCT"]}}).json()["data"][
            "search"
        ]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert sorted(seen) == sorted(made)


def test_facets_come_where_they_are_asked_for(search: Search, person: Callable[..., Person], make_product: MakeProduct) -> None:
    product = make_product(name=some_word())
    found(search, [product.id], text=product.name)
    query = "query($text:String!){search(text:$text){...F}} fragment F on SearchConnection{facets{name values{value count}}}"
    facets = person().graphql(query, {"text": product.name}).json()["data"]["search"]["facets"]
    assert {"name": "kind", "values": [{"value": "PRODUCT", "count": 1}]} in facets


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"text": "x" * 201}, "text"),
        ({"text": "a\u0000"}, "text"),
        ({"first": 0}, "first"),
        ({"after": "x"}, "after"),
        ({"filter": {"creatorId": "x"}}, "creatorId"),
        ({"filter": {"minPrice": 1}}, "currency"),
        ({"filter": {"currency": "EUR", "minPrice": -1}}, "minPrice"),
        ({"filter": {"currency": "EUR", "minPrice": 1.5}}, "minPrice"),
        ({"filter": {"tags": [""]}}, "tags"),
        ({"sort": "PRICE_ASCENDING"}, "currency"),
    ],
)
def test_a_wrong_question_is_told_its_field(person: Callable[..., Person], asked: dict[str, Any], field: str) -> None:
    (error,) = person().graphql(SEARCH, {"text": "", **asked}).json()["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("INVALID_INPUT", field)


def test_names_are_completed(search: Search, person: Callable[..., Person], make_product: MakeProduct) -> None:
    product = make_product(name=some_word())
    found(search, [product.id], text=product.name)
    query = "query($text:String!){suggest(text:$text,first:3){suggestions{kind id text} degraded}}"
    answer = person().graphql(query, {"text": product.name[:10]}).json()["data"]["suggest"]
    assert answer == {"suggestions": [{"kind": "PRODUCT", "id": product.id, "text": product.name}], "degraded": False}


class TestRest:
    def test_a_page_names_the_next(self, search: Search, person: Callable[..., Person], make_product: MakeProduct) -> None:
        word, tag = some_word(), some_word()
        made = [make_product(name=f"{word} {number}", tags=[tag]).id for number in range(3)]
        found(search, made, text=word)
        asked = f"/search?q={word}&kind=product,drop&tag={tag},other&currency=EUR&min_price=1&sort=price_ascending&facets=true&limit=2"
        answer = person().get(asked)
        page = answer.json()
        assert (answer.status_code, len(page["hits"]), page["total"], page["degraded"]) == (200, 2, 3, False)
        assert {facet["name"] for facet in page["facets"]} == {"kind", "state", "creator", "tag", "currency", "price"}
        behind = person().get(answer.links["next"]["url"]).json()
        assert sorted(hit["id"] for hit in page["hits"] + behind["hits"]) == sorted(made)
        assert behind["next"] is None

    @pytest.mark.parametrize(
        ("query", "field"),
        [("min_price=1", "currency"), ("min_price=x", "min_price"), ("kind=SHOE", "kind"), ("q=a&q=b", "q"), ("first=1", "first")],
    )
    def test_a_wrong_parameter_is_named(self, person: Callable[..., Person], query: str, field: str) -> None:
        answer = person().get(f"/search?{query}")
        assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.fixture(scope="module")
def plain(stack: Stack, products: Products, metrics: Metrics) -> Desk:
    """A search service without an engine."""
    engine, names = Engine(None, metrics, "/"), Names("none")
    cache = Cache(stack.environment("search")["LIVEDROPS_REDIS_URL"], metrics, 1.0)
    cached: ReadThrough[SearchPage] = ReadThrough(cache, "searchpage", SearchPage, 1.0)
    return Desk(Pages(engine, names, cache), Shelves(products), Cursors(b"k" * 16, "search"), cached, JobStore(engine, names))


def ask(desk: Desk, text: str = "", first: int = 20, after: str | None = None, **filter: Any) -> SearchPage:
    return usecases.search(desk, text, SearchFilter(**filter), SearchSort.RELEVANCE, first, after, True)


class TestWithoutAnEngine:
    def test_names_that_hold_the_words_are_found(self, plain: Desk, make_product: MakeProduct) -> None:
        word = some_word()
        made = [make_product(name=name) for name in (f"Red {word} hat", f"HAT {word.upper()}", f"{word} coat")]
        page = ask(plain, f"hat {word[:12]}", kinds=[SearchKind.PRODUCT])
        assert ids_of(page) == [made[1].id, made[0].id]
        assert (page.degraded, page.facets, page.total, page.total_is_exact) == (True, [], 2, True)

    @pytest.mark.parametrize("text", ["100%", "a_b", "back\\slash", "o'hara"])
    def test_signs_stand_for_themselves(self, plain: Desk, make_product: MakeProduct, text: str) -> None:
        creator = str(uuid.uuid4())
        meant, other = make_product(creator, name=text), make_product(creator, name="100 a-b backslash ohara")
        assert ids_of(ask(plain, text, creator_id=creator)) == [meant.id] != [other.id]

    def test_filters_hold(self, plain: Desk, products: Products, make_product: MakeProduct) -> None:
        product = make_product(name=some_word(), tags=["a"])
        drop = schedule(products, product)
        mine: dict[str, Any] = {"creator_id": product.creator_id}
        assert ids_of(ask(plain, **mine, tags=["a", "b"], kinds=[SearchKind.PRODUCT])) == [product.id]
        assert ids_of(ask(plain, **mine, tags=["b"])) == []
        assert ids_of(ask(plain, **mine, currency="EUR", min_price=4900, max_price=4900, kinds=[SearchKind.DROP])) == [drop]
        assert ids_of(ask(plain, **mine, currency="EUR", min_price=4901)) == []
        assert [hit.state for hit in ask(plain, **mine, states=[DropState.LIVE]).hits] == [DropState.LIVE]
        assert ids_of(ask(plain, **mine, states=[DropState.ENDED])) == []
        assert ids_of(ask(plain, **mine, tags=["a"], kinds=[SearchKind.DROP])) == [drop]
        assert ids_of(ask(plain, **mine, kinds=[SearchKind.CREATOR])) == []

    def test_pages_hold_products_and_then_drops(self, plain: Desk, products: Products, make_product: MakeProduct) -> None:
        creator = str(uuid.uuid4())
        made = [make_product(creator, name="x") for _ in range(5)]
        drops = [schedule(products, product) for product in made[:3]]
        hits = all_pages(lambda after: ask(plain, first=2, after=after, creator_id=creator))
        assert [hit.id for hit in hits] == [product.id for product in made[::-1]] + drops[::-1]

    def test_a_page_of_the_engine_goes_on_by_plain_text_and_stays_there(
        self, plain: Desk, search: Search, products: Products, make_product: MakeProduct
    ) -> None:
        word = some_word()
        made = [make_product(name=f"{word} {number}").id for number in range(3)]
        found(search, made, text=word)
        name = usecases._request(plain, word, SearchFilter(), SearchSort.RELEVANCE, 2, None, False).name
        ranked = plain.cursors.write(usecases.Place(name, 1, [1.0, 2, "x"], "gone"))
        page = ask(plain, word, first=2, after=ranked)
        assert (page.degraded, len(page.hits)) == (True, 2)
        assert len(ask(plain, word, first=2, after=page.next).hits) == 1

    def test_names_are_completed(self, plain: Desk, make_product: MakeProduct) -> None:
        word = some_word()
        make_product(name=f"Old {word}")
        answer = usecases.suggest(plain, word[:8], 5)
        assert ([one.text for one in answer.suggestions], answer.degraded) == ([f"Old {word}"], True)
        assert usecases.suggest(plain, word[1:8], 5).suggestions == []

    def test_a_cursor_of_products_belongs_to_its_words(self, products: Products, make_product: MakeProduct) -> None:
        word = some_word()
        for _ in range(2):
            make_product(name=word)
        page = products.find_products(sought=Sought(word), first=1)
        assert page.next
        with pytest.raises(InvalidInput):
            products.find_products(sought=Sought("other"), first=1, after=page.next)
        with pytest.raises(InvalidInput):
            products.find_drops(sought=Sought(word), first=1, after=page.next)


def test_a_word_of_a_name_is_found_by_its_index(products_sql: Callable[..., list[tuple[Any, ...]]], products: Products) -> None:
    """Not by reading all names: asked of the planner where reading all is made dear."""
    plan = "".join(
        row[0] for row in products_sql("set local enable_seqscan = off; explain select 1 from products where lower(name) like '%%abcdef%%'")
    )
    assert "name" in plan
    assert "Bitmap" in plan
