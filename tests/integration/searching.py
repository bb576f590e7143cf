"""Searches and their index, for tests."""

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from elasticsearch import Elasticsearch

from services.contracts.search import Search, SearchHit, SearchPage
from tests.conftest import eventually


def some_word() -> str:
    """A word that no other test's things have; letters only, and none like another."""
    return "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:16])


def ids_of(page: SearchPage) -> list[str]:
    return [hit.id for hit in page.hits]


def found(search: Search, ids: Sequence[str], **asked: Any) -> list[SearchHit]:
    """The hits, once these and no others are found, in any order."""
    pages: list[SearchPage] = []

    def are_there() -> bool:
        pages.append(search.search(**{"first": 100, **asked}))
        return sorted(ids_of(pages[-1])) == sorted(ids) and not pages[-1].degraded

    eventually(are_there)
    return pages[-1].hits


def all_pages(ask: Callable[..., SearchPage], between: Callable[[], object] = lambda: None) -> list[SearchHit]:
    """Every hit, a page after the other."""
    hits: list[SearchHit] = []
    after = None
    while True:
        page = ask(after=after)
        hits += page.hits
        after = page.next
        if after is None:
            return hits
        between()


class Index:
    """The index behind the service, asked straight."""

    def __init__(self, engine: Elasticsearch, base: str = "livedrops-search") -> None:
        self.engine = engine
        self.base = base

    def documents(self, creator_id: str) -> dict[str, dict[str, Any]]:
        """Of a creator: what is found, by key."""
        self.engine.indices.refresh(index=self.base)
        query = {"bool": {"filter": [{"term": {"creator_id": creator_id}}, {"term": {"deleted": False}}]}}
        answer = self.engine.search(index=self.base, query=query, size=1000)
        return {hit["_id"]: hit["_source"] for hit in answer["hits"]["hits"]}

    def names(self) -> list[str]:
        """Of the indexes in use."""
        return sorted(self.engine.indices.get_alias(name=self.base))

    def write_names(self) -> list[str]:
        return sorted(self.engine.indices.get_alias(name=f"{self.base}-writes"))


def wait_for_reindex(search: Search, timeout_s: float = 100) -> None:
    eventually(lambda: search.get_reindex().finished_at is not None, timeout_s)


def wait_past(moment: float) -> None:
    eventually(lambda: time.time() > moment)
