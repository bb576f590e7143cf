"""What the orders services are given by nameko: the stores, opened once a process."""

from typing import Any

from nameko.extensions import DependencyProvider

from services.contracts.products import Products
from services.kernel.cache import Cache
from services.kernel.cursors import Cursors
from services.kernel.postgres import Postgres
from services.kernel.process import process
from services.kernel.rpc_client import RpcClient
from services.kernel.shown_stock import ShownStock
from services.orders.hot_drops import HotDrops
from services.orders.settings import OrdersSettings
from services.orders.store import Books
from services.orders.tallying import Tallying
from services.orders.usecases import Sales
from services.orders.views import OrderViews


class SalesProvider(DependencyProvider):  # type: ignore[misc]
    """Injects Sales. asks_products: whether it may ask products for a drop that it has not heard of."""

    def __init__(self, asks_products: bool = False) -> None:
        super().__init__()
        self._asks_products = asks_products
        self._rpc: RpcClient | None = None

    def setup(self) -> None:
        here = process()
        settings = here.settings
        assert isinstance(settings, OrdersSettings)
        self._postgres = Postgres(
            settings.orders_postgres_url.get_secret_value(), here.metrics, size=settings.orders_postgres_connections, name="orders"
        )
        self._cache = Cache(settings.redis_url.get_secret_value(), here.metrics, settings.redis_deadline_s)
        here.require("postgres", self._postgres.check)
        here.prefer("redis", self._cache.check)
        cursors = Cursors(settings.cursor_key.get_secret_value().encode(), "orders")
        if self._asks_products:
            self._rpc = RpcClient(settings.broker_url.get_secret_value(), settings.unit, here.metrics)
            self._rpc.start()
        products = self._rpc.service("products", Products) if self._rpc else None
        books, views = Books(self._postgres, HotDrops(here.metrics)), OrderViews(self._postgres, cursors)
        self._sales = Sales(books, ShownStock(self._cache), views, Tallying(self._postgres), products)

    def get_dependency(self, worker_ctx: Any) -> Sales:
        return self._sales

    def stop(self) -> None:
        if self._rpc:
            self._rpc.stop()
        self._postgres.close()
        self._cache.close()
