"""What a person can set for the stack itself, through the environment.

An address of a store means that this server is neither looked for, installed nor started.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from services.kernel.topology import VHOST
from stack.errors import SetupError

PREFIX = "LIVEDROPS_"
DEFAULT_INGRESS_PORT = 8000

# Settings of the person's environment that are not handed on to units: each process gets its own value.
PER_PROCESS = frozenset({"LIVEDROPS_ENV", "LIVEDROPS_UNIT", "LIVEDROPS_HTTP_PORT", "LIVEDROPS_BROKER_URL", "LIVEDROPS_INSTANCE"})

_SCHEMES = {
    "LIVEDROPS_BROKER_URL": ("amqp", "amqps"),
    "LIVEDROPS_BROKER_MANAGEMENT_URL": ("http", "https"),
    "LIVEDROPS_ORDERS_POSTGRES_URL": ("postgresql", "postgres"),
    "LIVEDROPS_PRODUCTS_POSTGRES_URL": ("postgresql", "postgres"),
    "LIVEDROPS_ANALYTICS_POSTGRES_URL": ("postgresql", "postgres"),
    "LIVEDROPS_USERS_MONGO_URL": ("mongodb", "mongodb+srv"),
    "LIVEDROPS_NOTIFICATIONS_MONGO_URL": ("mongodb", "mongodb+srv"),
    "LIVEDROPS_MEDIA_MONGO_URL": ("mongodb", "mongodb+srv"),
    "LIVEDROPS_REDIS_URL": ("redis", "rediss"),
    "LIVEDROPS_SEARCH_ELASTICSEARCH_URL": ("http", "https"),
}

# Which server these addresses, all of them together, stand in for.
_REPLACES = {
    "rabbitmq": ("LIVEDROPS_BROKER_URL",),
    "postgres": ("LIVEDROPS_ORDERS_POSTGRES_URL", "LIVEDROPS_PRODUCTS_POSTGRES_URL", "LIVEDROPS_ANALYTICS_POSTGRES_URL"),
    "mongo": ("LIVEDROPS_USERS_MONGO_URL", "LIVEDROPS_NOTIFICATIONS_MONGO_URL", "LIVEDROPS_MEDIA_MONGO_URL"),
    "redis": ("LIVEDROPS_REDIS_URL",),
    "elasticsearch": ("LIVEDROPS_SEARCH_ELASTICSEARCH_URL",),
}


@dataclass(frozen=True)
class StackSettings:
    """A person's settings, checked. `of` is the only maker."""

    ingress_port: int
    addresses: Mapping[str, str]
    passed_on: Mapping[str, str]
    # Where PostgreSQL's log is received, of our own server; None for nowhere.
    backup_folder: Path | None = None
    monitoring: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "StackSettings":
        """Read and check. Raises SetupError that names the variable and what is allowed."""
        addresses = {name: environ[name] for name in _SCHEMES if environ.get(name)}
        for name, address in addresses.items():
            _check_scheme(name, address)
        if "LIVEDROPS_BROKER_URL" in addresses:
            _check_vhost(addresses["LIVEDROPS_BROKER_URL"])
        passed_on = {name: value for name, value in environ.items() if name.startswith(PREFIX) and name not in PER_PROCESS}
        folder = environ.get("LIVEDROPS_BACKUP_DIR", "")
        return cls(
            _port(environ.get("LIVEDROPS_PORT", "")),
            addresses,
            passed_on,
            Path(folder).resolve() if folder else None,
            _flag("LIVEDROPS_MONITORING", environ),
        )

    def replaces(self, server: str) -> bool:
        """Whether the person gave the addresses that take the place of our server of that name."""
        names = _REPLACES.get(server)
        return names is not None and all(name in self.addresses for name in names)

    def broker(self) -> SplitResult | None:
        """The person's broker, with an administrator's credentials; None where ours is used."""
        address = self.addresses.get("LIVEDROPS_BROKER_URL")
        return urlsplit(address) if address else None


def _check_scheme(name: str, address: str) -> None:
    schemes = _SCHEMES[name]
    if not address.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise SetupError(f"{name} must start with {' or '.join(f'{scheme}://' for scheme in schemes)}")


def _check_vhost(address: str) -> None:
    """Users, queues and rights are defined for one vhost; another one would look right and then refuse everything."""
    vhost = urlsplit(address).path.removeprefix("/")
    if vhost not in ("", VHOST):
        raise SetupError(f"LIVEDROPS_BROKER_URL names the vhost {vhost!r}; LiveDrops uses {VHOST!r}: leave the path away or name that one")


def _port(text: str) -> int:
    if not text:
        return DEFAULT_INGRESS_PORT
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise SetupError(f"LIVEDROPS_PORT={text!r}: a port is a number from 1 to 65535")
    return int(text)


def _flag(name: str, environ: Mapping[str, str]) -> bool:
    text = environ.get(name, "false").lower()
    if text not in ("true", "false", "1", "0", ""):
        raise SetupError(f"{name}={text!r}: true or false")
    return text in ("true", "1")
