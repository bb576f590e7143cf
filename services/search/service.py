"""The RPC entrypoints of search."""

from services.contracts.search import Reindex, Search, SearchFilter, SearchPage, SearchSort, Suggestions
from services.kernel.current_call import CurrentCall
from services.kernel.rpc_server import rpc
from services.search import usecases
from services.search.providers import DeskProvider
from services.search.settings import SearchSettings


class SearchService:
    name = "search"
    contract = Search
    settings_class = SearchSettings

    desk = DeskProvider()
    call = CurrentCall()

    @rpc
    def search(self, *, text: str, filter: SearchFilter, sort: SearchSort, first: int, after: str | None, facets: bool) -> SearchPage:
        return usecases.search(self.desk, text, filter, sort, first, after, facets)

    @rpc
    def suggest(self, *, text: str, first: int) -> Suggestions:
        return usecases.suggest(self.desk, text, first)

    @rpc
    def start_reindex(self) -> Reindex:
        return usecases.start_reindex(self.desk, self.call)

    @rpc
    def get_reindex(self) -> Reindex:
        return usecases.get_reindex(self.desk, self.call)
