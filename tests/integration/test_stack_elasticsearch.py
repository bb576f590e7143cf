"""The search engine of the stack: real, complete enough for a product search with stock names, and back after a crash.

Every test has indexes of its own. On an address that a person gave, they prove that what holds here holds on an ordinary one.
"""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from elasticsearch import ConflictError, Elasticsearch

from stack.api import Stack
from tests.conftest import eventually
from tests.integration.product_index import MAPPINGS, PRODUCTS, SETTINGS


@pytest.fixture(scope="module")
def search(elasticsearch_url: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(elasticsearch_url, request_timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def make_index(search: Elasticsearch) -> Iterator[Callable[..., str]]:
    made: list[str] = []

    def make(**content: Any) -> str:
        made.append(f"test-{uuid.uuid4().hex}")
        search.indices.create(index=made[-1], **content)
        return made[-1]

    yield make
    for name in made:
        search.indices.delete(index=name, ignore_unavailable=True)


@pytest.fixture(scope="module")
def products(search: Elasticsearch, make_index: Callable[..., str]) -> str:
    """An index of a few products, which tests leave as they are."""
    name = make_index(settings=SETTINGS, mappings=MAPPINGS)
    operations: list[dict[str, Any]] = []
    for product in PRODUCTS:
        operations += [{"index": {"_id": product["id"]}}, product]
    answer = search.bulk(index=name, operations=operations, refresh=True)
    assert not answer["errors"], answer
    return name


def ids(answer: Any) -> list[str]:
    return [hit["_id"] for hit in answer["hits"]["hits"]]


def test_the_client_learns_which_server_it_talks_to(search: Elasticsearch) -> None:
    info = search.info()

    assert int(info["version"]["number"].split(".")[0]) >= 8
    assert info["tagline"] == "You Know, for Search"
    assert search.ping()


def test_a_misspelt_word_finds_its_product(search: Elasticsearch, products: str) -> None:
    query = {"multi_match": {"query": "runing shoos", "fields": ["name^3", "description"], "fuzziness": "AUTO", "operator": "and"}}

    assert ids(search.search(index=products, query=query)) == ["shoes"]


@pytest.mark.parametrize(
    ("text", "field", "found"),
    [
        ("creme", "name", "cream"),
        ("runn", "name.prefix", "shoes"),
        ("sneakers", "name", "shoes"),
        ("häuser", "name.german", "house"),
        ("chevaux", "name.french", "horse"),
        ("galaxys24", "name.model", "phone"),
    ],
    ids=["accents", "prefix", "synonym", "german", "french", "model"],
)
def test_words_are_found_as_people_write_them(search: Elasticsearch, products: str, text: str, field: str, found: str) -> None:
    assert ids(search.search(index=products, query={"match": {field: text}})) == [found]


def test_a_normalized_keyword_ignores_case_and_accents(search: Elasticsearch, products: str) -> None:
    assert ids(search.search(index=products, query={"term": {"brand": "LOREAL"}})) == ["cream"]
    buckets = search.search(index=products, size=0, aggs={"brands": {"terms": {"field": "brand"}}})["aggregations"]["brands"]["buckets"]
    assert {bucket["key"] for bucket in buckets} == {"loreal", "fleet", "casa", "samsung", "stable"}


def test_the_lowercase_normalizer_needs_no_settings(search: Elasticsearch, products: str) -> None:
    tokens = search.indices.analyze(index=products, normalizer="lowercase", text="New YORK")["tokens"]

    assert [token["token"] for token in tokens] == ["new york"]


def test_found_words_are_highlighted(search: Elasticsearch, products: str) -> None:
    answer = search.search(index=products, query={"match": {"description": "skin"}}, highlight={"fields": {"description": {}}})

    assert answer["hits"]["hits"][0]["highlight"]["description"] == ["For the <em>skin</em> of your hands"]


def test_pages_of_a_point_in_time_do_not_change(search: Elasticsearch, make_index: Callable[..., str]) -> None:
    index = make_index(mappings={"properties": {"rank": {"type": "integer"}}})
    for rank in range(5):
        search.index(index=index, document={"rank": rank})
    search.indices.refresh(index=index)
    pit = {"id": search.open_point_in_time(index=index, keep_alive="1m")["id"], "keep_alive": "1m"}
    search.index(index=index, document={"rank": 99}, refresh=True)

    seen, after = [], None
    while page := search.search(pit=pit, size=2, sort=[{"rank": "asc"}], search_after=after)["hits"]["hits"]:
        seen += [hit["_source"]["rank"] for hit in page]
        after = page[-1]["sort"]

    assert seen == [0, 1, 2, 3, 4]
    assert search.close_point_in_time(id=pit["id"])["succeeded"]


def test_an_older_version_never_replaces_a_newer_one(search: Elasticsearch, make_index: Callable[..., str]) -> None:
    index = make_index()
    search.index(index=index, id="a", document={"name": "new"}, version=7, version_type="external")

    with pytest.raises(ConflictError):
        search.index(index=index, id="a", document={"name": "old"}, version=6, version_type="external")

    assert search.get(index=index, id="a")["_source"] == {"name": "new"}


def test_an_alias_moves_to_another_index_at_once(search: Elasticsearch, make_index: Callable[..., str]) -> None:
    old, new, alias = make_index(), make_index(), f"test-{uuid.uuid4().hex}"
    search.indices.put_alias(index=old, name=alias)

    search.indices.update_aliases(
        actions=[{"remove": {"index": old, "alias": alias}}, {"add": {"index": new, "alias": alias, "is_write_index": True}}]
    )

    assert list(search.indices.get_alias(name=alias)) == [new]


@pytest.mark.timeout(300)
def test_a_killed_server_comes_back_with_its_data(stack: Stack, search: Elasticsearch, make_index: Callable[..., str]) -> None:
    if "elasticsearch" not in _programs(stack):
        pytest.skip("a person's own server is not ours to kill")
    index = make_index()
    search.index(index=index, id="kept", document={"name": "kept"})
    before = stack.pid("elasticsearch")

    stack.kill("elasticsearch")

    eventually(lambda: _programs(stack).get("elasticsearch", before) not in (0, before), timeout_s=30)
    stack.wait_ready("elasticsearch", timeout_s=240)
    assert search.get(index=index, id="kept")["_source"] == {"name": "kept"}


def _programs(stack: Stack) -> dict[str, int]:
    return {row.process.name: row.process.pid for row in stack.status()}
