"""The entrypoints of the indexer: events, and its rounds."""

from contextlib import suppress

from nameko.timer import timer

from services.contracts.errors import Unavailable
from services.contracts.events import Event
from services.kernel.event_entrypoint import event_handler
from services.search import indexing
from services.search.providers import IndexerProvider
from services.search.settings import SearchSettings

# How soon a reindex that was asked for begins, and how soon followers that are due are counted.
LOOK_EVERY_S = 0.5
# How long a change waits for more, and for the moment in which everybody is told of it to pass: a sell-out takes the cores from those who watch.
# The index itself shows what was written only twice a second (REFRESH_EVERY).
LINGER_S = 0.3
# Of counting, one after the other: a process that is to stop waits for them.
ROUNDS = 10


class SearchIndexer:
    name = "search-indexer"
    settings_class = SearchSettings

    indexer = IndexerProvider()

    @event_handler("search.index", linger_s=LINGER_S)
    def index_things(self, events: list[Event]) -> None:
        indexing.index_things(self.indexer, events)

    @event_handler("search.creators")
    def index_people(self, events: list[Event]) -> None:
        indexing.index_people(self.indexer, events)

    @event_handler("search.popularity", batch=100)
    def note_followers(self, events: list[Event]) -> None:
        indexing.note_followers(self.indexer, events)

    @timer(interval=LOOK_EVERY_S)  # type: ignore[untyped-decorator]
    def rebuild(self) -> None:
        with suppress(Unavailable):  # whoever is away: the step is done at the next look
            self.indexer.rebuilder.round()

    @timer(interval=LOOK_EVERY_S)  # type: ignore[untyped-decorator]
    def count_followers(self) -> None:
        with suppress(Unavailable):
            for _ in range(ROUNDS):
                if not indexing.count_followers(self.indexer):
                    return
