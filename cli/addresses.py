"""Where the broker and the stores are: as the environment says, or else in the local stack."""

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from cli.failures import NotConfigured

if TYPE_CHECKING:
    from services.kernel.config import Settings

BROKER = "LIVEDROPS_BROKER_URL"
ORDERS_POSTGRES = "LIVEDROPS_ORDERS_POSTGRES_URL"
PRODUCTS_POSTGRES = "LIVEDROPS_PRODUCTS_POSTGRES_URL"
ANALYTICS_POSTGRES = "LIVEDROPS_ANALYTICS_POSTGRES_URL"
USERS_MONGO = "LIVEDROPS_USERS_MONGO_URL"
NOTIFICATIONS_MONGO = "LIVEDROPS_NOTIFICATIONS_MONGO_URL"
MEDIA_MONGO = "LIVEDROPS_MEDIA_MONGO_URL"
# Whose rights on the broker the command has: see services/contracts/rights.py.
BROKER_USER = "operations"
_SCHEMES = {
    BROKER: ("amqp", "amqps"),
    ORDERS_POSTGRES: ("postgresql", "postgres"),
    PRODUCTS_POSTGRES: ("postgresql", "postgres"),
    ANALYTICS_POSTGRES: ("postgresql", "postgres"),
    USERS_MONGO: ("mongodb", "mongodb+srv"),
    NOTIFICATIONS_MONGO: ("mongodb", "mongodb+srv"),
    MEDIA_MONGO: ("mongodb", "mongodb+srv"),
}
_START = {"dev": "make run", "test": "livedrops stack up --profile test", "nomad": "make nomad"}


class Addresses:
    """Settings of this run of the command. The local stack is asked only when the environment does not answer."""

    def __init__(
        self, profile: str, environ: Mapping[str, str] = os.environ, local: Callable[[str], Mapping[str, str]] | None = None
    ) -> None:
        """local: the settings of a profile's running stack, empty where it does not run."""
        self.profile = profile
        self._environ = environ
        self._local = local or _of_stack

    def find(self, variable: str) -> str | None:
        """The setting, or None where nobody knows it."""
        return self._environ.get(variable) or self._stack.get(variable)

    def require(self, variable: str) -> str:
        """An address. Raises NotConfigured where nobody knows it or it has the wrong scheme."""
        address = self.find(variable)
        if address is None:
            raise NotConfigured(
                f"{variable} is not set, and the local {self.profile} stack is not running. Start it with `{_START[self.profile]}`."
            )
        schemes = [f"{scheme}://" for scheme in _SCHEMES[variable]]
        if not address.startswith(tuple(schemes)):
            raise NotConfigured(f"{variable} must start with {' or '.join(schemes)}")
        return address

    def users_database(self) -> str:
        """The name of the users' database in MongoDB."""
        # Imported here, as the next: a quarter of a second that `stack up` need not wait for.
        from services.users.settings import UsersSettings

        return self._database(UsersSettings, "users_mongo_database")

    def notifications_database(self) -> str:
        """The name of the notifications' database in MongoDB."""
        from services.notifications.settings import NotificationsSettings

        return self._database(NotificationsSettings, "notifications_mongo_database")

    def media_database(self) -> str:
        """The name of the media's database in MongoDB."""
        from services.products.media.settings import MediaSettings

        return self._database(MediaSettings, "media_mongo_database")

    def _database(self, settings: "type[Settings]", name: str) -> str:
        """What a setting is set to, or what it is by default."""
        return self.find(f"LIVEDROPS_{name.upper()}") or str(settings.model_fields[name].default)

    @cached_property
    def _stack(self) -> Mapping[str, str]:
        return self._local(self.profile)


def _of_stack(profile: str) -> Mapping[str, str]:
    # Imported here: whoever has addresses in the environment, in production say, needs no local stack.
    from stack.api import Stack
    from stack.errors import StackError

    try:
        here = Stack.of_profile(profile)
        return here.environment(BROKER_USER) if here.is_running() else {}
    except StackError as error:
        raise NotConfigured(f"The local stack can't be asked: {error}") from error
