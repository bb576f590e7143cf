"""What the users service is given by nameko."""

from datetime import timedelta
from typing import Any

import argon2
from argon2.exceptions import VerificationError
from eventlet import tpool
from nameko.extensions import DependencyProvider

from services.kernel.mongo import Mongo
from services.kernel.process import process
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


class DeskProvider(DependencyProvider):  # type: ignore[misc]
    """Injects Desk. Hashing takes milliseconds of CPU, so it runs in eventlet's thread pool."""

    def setup(self) -> None:
        here = process()
        settings = here.settings
        assert isinstance(settings, UsersSettings)
        self._mongo = Mongo(settings.users_mongo_url.get_secret_value(), settings.users_mongo_database, here.metrics)
        here.require("mongo", self._mongo.check)
        self._desk = Desk(
            Accounts(self._mongo),
            lambda password: str(tpool.execute(_HASHER.hash, password)),
            lambda stored, password: bool(tpool.execute(_check, stored, password)),
            timedelta(days=settings.session_days),
        )

    def get_dependency(self, worker_ctx: Any) -> Desk:
        return self._desk

    def stop(self) -> None:
        self._mongo.close()
