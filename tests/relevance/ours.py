"""The search service as an engine of the gate: its own documents, index and query, with the set in an index of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from elasticsearch import Elasticsearch, helpers

from services.contracts import products as contract
from services.contracts.products import DropState
from services.contracts.search import SearchFilter, SearchSort
from services.contracts.users import Profile
from services.contracts.values import Money
from services.kernel import ids
from services.search import domain, queries
from services.search.domain import Document
from services.search.index import Names, definition
from services.search.queries import Question
from services.search.ranking import WEIGHTS, Weights
from tests.relevance.engines import Engine
from tests.relevance.judged import JudgedSet
from tests.relevance.ndcg import DEPTH


class Ours:
    def __init__(self, client: Elasticsearch, index: str, now: datetime, weights: Weights, known: dict[str, str]) -> None:
        """known: the set's ids by the index's."""
        self._client = client
        self._index = index
        self._now = now
        self._weights = weights
        self._known = known

    def search(self, text: str) -> list[str]:
        question = Question(text, SearchFilter(), SearchSort.RELEVANCE, self._now, DEPTH, weights=self._weights)
        found = self._client.search(index=self._index, body=queries.search_body(question))
        return [self._known[hit["_source"]["id"]] for hit in found["hits"]["hits"]][:DEPTH]


@contextmanager
def ours(url: str, judged: JudgedSet, weights: Weights = WEIGHTS) -> Iterator[Engine]:
    """The service's ranking over the set, which goes with the block."""
    now, index = datetime.now(UTC), "relevance-ours"
    with Elasticsearch(url, request_timeout=30) as client:
        client.indices.delete(index=index, ignore_unavailable=True)
        client.indices.create(index=index, body=definition(Names("relevance"), index, shards=1))
        try:
            made = list(_documents(judged, now))
            helpers.bulk(client, ({"_index": index, "_id": each.id, **each.source} for each in made), refresh=True)
            names = [each.id for each in judged.products] + [each.id for each in judged.drops] + [each.id for each in judged.creators]
            yield Ours(client, index, now, weights, {_id(name): name for name in names})
        finally:
            client.indices.delete(index=index, ignore_unavailable=True)


def without(signal: str) -> Any:
    """The same with one weight switched off."""
    return partial(ours, weights=msgspec.convert(asdict(WEIGHTS) | {signal: 0.0}, Weights))


def _documents(judged: JudgedSet, now: datetime) -> Iterator[Document]:
    profiles = {each.id: _profile(each.id, each.name, each.followers, now - timedelta(days=each.age_days)) for each in judged.creators}
    products = {}
    for each in judged.products:
        created = now - timedelta(days=each.age_days)
        price = Money(each.amount, each.currency)
        products[each.id] = contract.Product(
            _id(each.id), _id(each.creator), each.name, price, each.description, each.tags, [], 1, created, created
        )
        yield domain.product_document(products[each.id], profiles[each.creator])
    owners = {each.id: each.creator for each in judged.products}
    for drop in judged.drops:
        product = products[drop.product]
        starts, ends = now + timedelta(hours=drop.from_h), now + timedelta(hours=drop.until_h)
        row = contract.Drop(
            _id(drop.id), product.id, product.creator_id, product.name, starts, ends, 50, None, product.price, {}, DropState.SCHEDULED,
            None, 1, product.created_at, product.created_at,
        )  # fmt: skip
        yield domain.drop_document(row, product, None, profiles[owners[drop.product]])
    for profile in profiles.values():
        made = domain.creator_document(profile, now)
        assert made is not None
        yield made


def _profile(id: str, name: str, followers: int, created: datetime) -> Profile:
    return Profile(_id(id), name, "", "", True, created, 1, follower_count=followers)


def _id(name: str) -> str:
    return ids.derived_id("relevance", name)
