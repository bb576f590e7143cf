"""The search benchmark's questions straight to Elasticsearch: the very body that the search service sends."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from elasticsearch import Elasticsearch

from services.contracts.search import SearchFilter, SearchSort
from services.kernel.cursors import Cursors
from services.search import queries
from services.search.queries import Question
from services.search.settings import SearchSettings
from services.search.usecases import Place
from stack.api import Stack
from tests.load.search_questions import Asked

# Longer than a run asks.
_KEPT = "30m"


class StraightSearch:
    def __init__(self, stack: Stack) -> None:
        environment = stack.environment("search")
        self._client = Elasticsearch(environment["LIVEDROPS_SEARCH_ELASTICSEARCH_URL"], request_timeout=10)
        self._index = environment.get("LIVEDROPS_SEARCH_INDEX", str(SearchSettings.model_fields["search_index"].default))
        self._pit = self._client.open_point_in_time(index=self._index, keep_alive=_KEPT)["id"]
        self._cursors = Cursors(environment["LIVEDROPS_CURSOR_KEY"].encode(), "search")

    def put(self, asked: Asked) -> object:
        said = asked.variables
        if "sort" not in said:
            return self._client.search(index=self._index, body=queries.suggest_body(said["text"], said["first"], datetime.now(UTC)))
        # At a point in time, as the service asks: its cursors say where a page begins there.
        body = {**queries.search_body(self._question(said)), "pit": {"id": self._pit, "keep_alive": _KEPT}}
        return self._client.search(body=body)

    def _question(self, said: Any) -> Question:
        given = said["filter"] or {}
        wanted = {"kinds": given.get("kinds", []), "currency": given.get("currency")}
        wanted |= {"min_price": given.get("minPrice"), "max_price": given.get("maxPrice")}
        place = self._cursors.read(said["after"], Place) if said["after"] else None
        now = datetime.fromtimestamp(place.now_ms / 1000, UTC) if place else datetime.now(UTC)
        after = place.values if place else None
        return Question(said["text"], msgspec.convert(wanted, SearchFilter), SearchSort(said["sort"]), now, said["first"], after=after)
