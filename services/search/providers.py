"""What the search services are given by nameko: the lines to Elasticsearch, Redis and the other services, opened once a process."""

from typing import Any

from nameko.extensions import DependencyProvider

from services.contracts.orders import Orders
from services.contracts.products import Products
from services.contracts.search import SearchPage
from services.contracts.users import Users
from services.kernel.cache import Cache
from services.kernel.cursors import Cursors
from services.kernel.process import Process, process
from services.kernel.read_through import ReadThrough
from services.kernel.rpc_client import RpcClient
from services.search.engine import Engine
from services.search.index import Names
from services.search.indexing import Indexer, Popularity
from services.search.plain import Shelves
from services.search.reading import Sources
from services.search.reindexing import JobStore, Rebuilder
from services.search.settings import SearchSettings
from services.search.store import Pages, Writer
from services.search.usecases import Desk

# A page of a point in time never changes; it is kept for as long as many may ask for it.
PAGE_LIFE_S = 5.0
# A crowd that asks the same waits for the first of them: a search is what costs most of all reads.
PAGE_PATIENCE_S = 1.0


def _settings(here: Process) -> SearchSettings:
    assert isinstance(here.settings, SearchSettings)
    return here.settings


def _engine(here: Process, probe: str) -> Engine:
    url = _settings(here).search_elasticsearch_url
    engine = Engine(url.get_secret_value() if url else None, here.metrics, probe)
    here.prefer("elasticsearch", engine.check)
    return engine


class DeskProvider(DependencyProvider):  # type: ignore[misc]
    """Injects Desk."""

    def setup(self) -> None:
        here = process()
        settings, names = _settings(here), Names(_settings(here).search_index)
        self._engine = _engine(here, f"/{names.reads}/_search?size=0&terminate_after=1&allow_partial_search_results=false")
        self._cache = Cache(settings.redis_url.get_secret_value(), here.metrics, settings.redis_deadline_s)
        self._rpc = RpcClient(settings.broker_url.get_secret_value(), settings.unit, here.metrics)
        here.prefer("redis", self._cache.check)
        here.require("broker", self._rpc.check)
        self._desk = Desk(
            Pages(self._engine, names, self._cache),
            Shelves(self._rpc.service("products", Products)),
            Cursors(settings.cursor_key.get_secret_value().encode(), "search"),
            ReadThrough(self._cache, "searchpage", SearchPage, PAGE_LIFE_S, patience_s=PAGE_PATIENCE_S),
            JobStore(self._engine, names),
        )

    def start(self) -> None:
        self._rpc.start()

    def get_dependency(self, worker_ctx: Any) -> Desk:
        return self._desk

    def stop(self) -> None:
        self._rpc.stop()
        self._cache.close()
        self._engine.close()


class IndexerProvider(DependencyProvider):  # type: ignore[misc]
    """Injects Indexer."""

    def setup(self) -> None:
        here = process()
        settings, names = _settings(here), Names(_settings(here).search_index)
        self._engine = _engine(here, "/")
        self._rpc = RpcClient(settings.broker_url.get_secret_value(), settings.unit, here.metrics)
        here.require("broker", self._rpc.check)
        sources = Sources(self._rpc.service("products", Products), self._rpc.service("users", Users), self._rpc.service("orders", Orders))
        writer, jobs = Writer(self._engine, names), JobStore(self._engine, names)
        rebuilder = Rebuilder(self._engine, names, writer, sources, jobs, settings.search_shards)
        self._indexer = Indexer(sources, writer, Popularity(), rebuilder)

    def start(self) -> None:
        self._rpc.start()

    def get_dependency(self, worker_ctx: Any) -> Indexer:
        return self._indexer

    def stop(self) -> None:
        self._rpc.stop()
        self._engine.close()
