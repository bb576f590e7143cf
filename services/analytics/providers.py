"""What the analytics units are given by nameko: the store and the lines to orders and users, opened once a process."""

from typing import Any

from nameko.extensions import DependencyProvider

from services.analytics.settings import AnalyticsSettings
from services.analytics.store import Store
from services.analytics.usecases import Desk
from services.contracts.orders import Orders
from services.contracts.users import Users
from services.kernel.postgres import Postgres
from services.kernel.process import process
from services.kernel.rpc_client import RpcClient


class StoreProvider(DependencyProvider):  # type: ignore[misc]
    """Injects Store."""

    def setup(self) -> None:
        here = process()
        settings = here.settings
        assert isinstance(settings, AnalyticsSettings)
        url, size = settings.analytics_postgres_url.get_secret_value(), settings.analytics_postgres_connections
        self._postgres = Postgres(url, here.metrics, size=size, name="analytics")
        self._store = Store(self._postgres)
        here.require("postgres", self._postgres.check)

    def get_dependency(self, worker_ctx: Any) -> Any:
        return self._store

    def stop(self) -> None:
        self._postgres.close()


class DeskProvider(StoreProvider):
    """Injects Desk."""

    def setup(self) -> None:
        super().setup()
        here = process()
        self._rpc = RpcClient(here.settings.broker_url.get_secret_value(), here.settings.unit, here.metrics)
        here.require("broker", self._rpc.check)

    def start(self) -> None:
        self._rpc.start()
        self._desk = Desk(self._store, self._rpc.service("orders", Orders), self._rpc.service("users", Users))

    def get_dependency(self, worker_ctx: Any) -> Any:
        return self._desk

    def stop(self) -> None:
        self._rpc.stop()
        super().stop()
