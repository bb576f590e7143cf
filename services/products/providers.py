"""What the products services are given by nameko: the store and the line to orders, opened once a process."""

from typing import Any

from nameko.extensions import DependencyProvider

from services.contracts.orders import Orders
from services.kernel.cache import Cache
from services.kernel.cursors import Cursors
from services.kernel.postgres import Postgres
from services.kernel.process import process
from services.kernel.rpc_client import RpcClient
from services.products.finding import Finder
from services.products.media.library import Library
from services.products.media.records import Records
from services.products.settings import ProductsSettings
from services.products.store import Shelf
from services.products.usecases import Shop


class ShelfProvider(DependencyProvider):  # type: ignore[misc]
    """Injects Shelf."""

    def setup(self) -> None:
        here = process()
        settings = here.settings
        assert isinstance(settings, ProductsSettings)
        self._postgres = Postgres(
            settings.products_postgres_url.get_secret_value(), here.metrics, size=settings.products_postgres_connections, name="products"
        )
        here.require("postgres", self._postgres.check)

    def get_dependency(self, worker_ctx: Any) -> Shelf:
        return Shelf(self._postgres)

    def stop(self) -> None:
        self._postgres.close()


class CacheProvider(DependencyProvider):  # type: ignore[misc]
    """Injects Cache."""

    def setup(self) -> None:
        here = process()
        settings = here.settings
        self._cache = Cache(settings.redis_url.get_secret_value(), here.metrics, settings.redis_deadline_s)
        here.prefer("redis", self._cache.check)

    def get_dependency(self, worker_ctx: Any) -> Cache:
        return self._cache

    def stop(self) -> None:
        self._cache.close()


class ShopProvider(ShelfProvider):
    """Injects Shop."""

    def setup(self) -> None:
        super().setup()
        here = process()
        assert isinstance(here.settings, ProductsSettings)
        self._rpc = RpcClient(here.settings.broker_url.get_secret_value(), here.settings.unit, here.metrics)
        here.require("broker", self._rpc.check)
        cursors = Cursors(here.settings.cursor_key.get_secret_value().encode(), "products")
        library = Library(Records(self._postgres, here.settings.media_upload_hours * 3600), here.settings)
        self._shop = Shop(Shelf(self._postgres), self._rpc.service("orders", Orders), cursors, Finder(self._postgres), library)

    def start(self) -> None:
        self._rpc.start()

    def get_dependency(self, worker_ctx: Any) -> Shop:  # type: ignore[override]
        return self._shop

    def stop(self) -> None:
        self._rpc.stop()
        super().stop()
