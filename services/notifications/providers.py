"""What the notifications services are given by nameko: the store, Redis and the lines to users and products, opened once a process."""

from typing import Any

from nameko.extensions import DependencyProvider, SharedExtension

from services.contracts.notifications import PushOptions
from services.contracts.products import Products
from services.contracts.users import Users
from services.kernel.cache import Cache
from services.kernel.cursors import Cursors
from services.kernel.mongo import Mongo
from services.kernel.process import process
from services.kernel.rpc_client import RpcClient
from services.notifications.live import Live
from services.notifications.push.unsubscribing import Unsubscribing
from services.notifications.push.usecases import Directory
from services.notifications.settings import NotificationsSettings
from services.notifications.store import Store
from services.notifications.telling import Desk
from services.notifications.usecases import Inbox


class Stores(SharedExtension):  # type: ignore[misc]
    """The clients of MongoDB and Redis, one each for all of a process, and what is kept there."""

    settings: NotificationsSettings

    def setup(self) -> None:
        here = process()
        assert isinstance(here.settings, NotificationsSettings)
        self.settings = here.settings
        url = self.settings.notifications_mongo_url.get_secret_value()
        self._mongo = Mongo(url, self.settings.notifications_mongo_database, here.metrics, name=self.settings.unit)
        self._cache = Cache(self.settings.redis_url.get_secret_value(), here.metrics, self.settings.redis_deadline_s)
        here.require("mongo", self._mongo.check)
        here.prefer("redis", self._cache.check)
        self.store = Store.of(self._mongo, self.settings.lives())
        self.live = Live(self._cache)

    def stop(self) -> None:
        self._mongo.close()
        self._cache.close()


class InboxProvider(DependencyProvider):  # type: ignore[misc]
    """Injects Inbox."""

    stores = Stores()

    def setup(self) -> None:
        here = process()
        self._rpc = RpcClient(here.settings.broker_url.get_secret_value(), here.settings.unit, here.metrics)
        here.require("broker", self._rpc.check)

    def start(self) -> None:
        self._rpc.start()
        stores = self.stores
        self._inbox = Inbox(
            stores.store,
            stores.live,
            self._rpc.service("users", Users),
            self._rpc.service("products", Products),
            Cursors(stores.settings.cursor_key.get_secret_value().encode(), "notifications"),
        )

    def get_dependency(self, worker_ctx: Any) -> Inbox:
        return self._inbox

    def stop(self) -> None:
        self._rpc.stop()


class DirectoryProvider(DependencyProvider):  # type: ignore[misc]
    """Injects Directory."""

    stores = Stores()

    def start(self) -> None:
        settings = self.stores.settings
        options = PushOptions(settings.vapid_public_key, email=settings.smtp_url is not None)
        unsubscribing = Unsubscribing(settings.cursor_key.get_secret_value().encode())
        self._directory = Directory(self.stores.store, options, unsubscribing, settings.push_anywhere)

    def get_dependency(self, worker_ctx: Any) -> Directory:
        return self._directory


class TellingProvider(DependencyProvider):  # type: ignore[misc]
    """Injects Desk."""

    stores = Stores()

    def start(self) -> None:
        stores = self.stores
        self._desk = Desk(stores.store, stores.live, stores.settings.lives(), process().metrics)

    def get_dependency(self, worker_ctx: Any) -> Desk:
        return self._desk
