"""What can be asked the judged queries: an engine, and the plain one that ours has to beat."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from elasticsearch import Elasticsearch, helpers

from tests.relevance.judged import JudgedSet
from tests.relevance.ndcg import DEPTH

_FIELDS = ("name", "description", "creator_name")


class Engine(Protocol):
    def search(self, text: str) -> list[str]:
        """Ids of the set's documents (products, drops and creators together), best first, at least ten where there are as many."""


class PlainMultiMatch:
    """What anybody gets from Elasticsearch in an afternoon: default analyzers, and a multi_match over name, description and creator."""

    def __init__(self, client: Elasticsearch, index: str) -> None:
        self._client = client
        self._index = index

    def search(self, text: str) -> list[str]:
        wanted = {"multi_match": {"query": text, "fields": list(_FIELDS)}}
        found = self._client.search(index=self._index, query=wanted, size=DEPTH, source=False)
        return [hit["_id"] for hit in found["hits"]["hits"]]


@contextmanager
def plain_multi_match(url: str, judged: JudgedSet) -> Iterator[Engine]:
    """The plain engine with the set in an index of its own, which goes with the block."""
    index = "relevance-plain"
    with Elasticsearch(url, request_timeout=30) as client:
        client.indices.delete(index=index, ignore_unavailable=True)
        mappings = {"properties": {field: {"type": "text"} for field in _FIELDS}}
        client.indices.create(index=index, mappings=mappings, settings={"number_of_shards": 1, "number_of_replicas": 0})
        try:
            helpers.bulk(client, ({"_index": index, **each} for each in _documents(judged)), refresh=True)
            yield PlainMultiMatch(client, index)
        finally:
            client.indices.delete(index=index, ignore_unavailable=True)


def _documents(judged: JudgedSet) -> Iterator[dict[str, Any]]:
    names = {creator.id: creator.name for creator in judged.creators}
    told = {
        product.id: {"name": product.name, "description": product.description, "creator_name": names[product.creator]}
        for product in judged.products
    }
    yield from ({"_id": id, **fields} for id, fields in told.items())
    yield from ({"_id": drop.id, **told[drop.product]} for drop in judged.drops)
    yield from ({"_id": creator.id, "name": creator.name, "description": "", "creator_name": creator.name} for creator in judged.creators)
