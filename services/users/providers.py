"""What the users service is given by nameko."""

from datetime import timedelta
from typing import Any

import argon2
from argon2.exceptions import VerificationError
from eventlet import tpool
from nameko.extensions import DependencyProvider, SharedExtension

from services.kernel.cache import Cache
from services.kernel.cursors import Cursors
from services.kernel.mongo import Mongo
from services.kernel.process import process
from services.users.follows import Follows
from services.users.graph_usecases import Graph
from services.users.job_store import JobStore
from services.users.list_sizes import ListSizes
from services.users.lists import Lists
from services.users.people import People
from services.users.settings import UsersSettings
from services.users.store import Accounts
from services.users.usecases import Desk

# OWASP's password storage cheat sheet: argon2id with 19 MiB, 2 passes, 1 lane.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def _check(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except VerificationError:
        return False


class Stores(SharedExtension):  # type: ignore[misc]
    """The clients of MongoDB and Redis, one each for all of a process."""

    settings: UsersSettings
    mongo: Mongo
    cache: Cache

    def setup(self) -> None:
        here = process()
        assert isinstance(here.settings, UsersSettings)
        self.settings = here.settings
        self.mongo = Mongo(self.settings.users_mongo_url.get_secret_value(), self.settings.users_mongo_database, here.metrics)
        self.cache = Cache(self.settings.redis_url.get_secret_value(), here.metrics, self.settings.redis_deadline_s)
        here.require("mongo", self.mongo.check)
        here.prefer("redis", self.cache.check)

    def stop(self) -> None:
        self.mongo.close()
        self.cache.close()


class DeskProvider(DependencyProvider):  # type: ignore[misc]
    """Injects Desk. Hashing takes milliseconds of CPU, so it runs in eventlet's thread pool."""

    stores = Stores()

    def start(self) -> None:
        accounts = Accounts(self.stores.mongo)
        self._desk = Desk(
            accounts,
            People(accounts, Lists(self.stores.mongo), self.stores.cache),
            lambda password: str(tpool.execute(_HASHER.hash, password)),
            lambda stored, password: bool(tpool.execute(_check, stored, password)),
            timedelta(days=self.stores.settings.session_days),
        )

    def get_dependency(self, worker_ctx: Any) -> Desk:
        return self._desk


class GraphProvider(DependencyProvider):  # type: ignore[misc]
    """Injects Graph."""

    stores = Stores()

    def start(self) -> None:
        mongo, key = self.stores.mongo, self.stores.settings.cursor_key.get_secret_value().encode()
        accounts, lists = Accounts(mongo), Lists(mongo)
        people = People(accounts, lists, self.stores.cache)
        self._graph = Graph(
            accounts, Follows(mongo), lists, JobStore(mongo), Cursors(key, "follows"), people, ListSizes(lists, process().metrics)
        )

    def get_dependency(self, worker_ctx: Any) -> Graph:
        return self._graph
