"""The environment that each process of the stack gets. Pure: everything comes in as arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from services.contracts.rights import GATEWAY
from services.kernel.push_keys import public_text
from services.kernel.tokens import public_key_of
from services.kernel.topology import VHOST
from stack.credentials import Credentials
from stack.errors import SetupError
from stack.instance import PROFILES
from stack.ports import STATSD
from stack.settings import StackSettings
from stack.units import Unit, unit_of

# Broker users of things that are started and are no unit.
_BROKER_USERS = {"migrate": "operations"}
# What a process needs of the person's environment beside our own settings. The rest (PYTHONPATH, PGDATA, ERL_FLAGS...) could
# change how a server or unit behaves from one terminal to the next.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER")


def kept_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in _KEPT if name in environ}


@dataclass(frozen=True)
class Wiring:
    """Who reaches what, where, and with which secret."""

    profile: str
    ports: Mapping[str, int]
    credentials: Credentials
    settings: StackSettings
    units: tuple[Unit, ...]

    def environment(self, name: str) -> dict[str, str]:
        """For a unit, one of its processes ("gateway-2"), or a broker user that is no unit. Raises SetupError for any other name."""
        unit = unit_of(name, self.units)
        user = unit.broker_user if unit else _BROKER_USERS.get(name, name)
        own = {
            "LIVEDROPS_ENV": PROFILES[self.profile],
            "LIVEDROPS_UNIT": unit.name if unit else name,
            "LIVEDROPS_BROKER_URL": self._broker_url(user),
            "PYTHONUNBUFFERED": "1",
        }
        if unit and unit.port:
            process = name if name in unit.process_names else unit.process_names[0]
            own["LIVEDROPS_HTTP_PORT"] = str(self.ports[process])
        return self._shared() | self._signing_key(user) | dict(self.settings.passed_on) | own

    def _signing_key(self, user: str) -> dict[str, str]:
        """What signs, for who signs with it. The others have the public key."""
        keys = {
            GATEWAY: {"LIVEDROPS_JWT_KEY": self.credentials.jwt_key},
            "notifications-push": {"LIVEDROPS_VAPID_KEY": self.credentials.vapid_key},
        }
        return keys.get(user, {})

    def _shared(self) -> dict[str, str]:
        """What a person may override; a local address only where the server is ours."""
        password = self.credentials.postgres
        local = {
            "LIVEDROPS_ORDERS_POSTGRES_URL": ("postgres", f"postgresql://livedrops:{password}@127.0.0.1:{{}}/orders"),
            "LIVEDROPS_PRODUCTS_POSTGRES_URL": ("postgres", f"postgresql://livedrops:{password}@127.0.0.1:{{}}/products"),
            "LIVEDROPS_ANALYTICS_POSTGRES_URL": ("postgres", f"postgresql://livedrops:{password}@127.0.0.1:{{}}/analytics"),
            "LIVEDROPS_USERS_MONGO_URL": ("mongo", "mongodb://127.0.0.1:{}/?replicaSet=rs0"),
            "LIVEDROPS_NOTIFICATIONS_MONGO_URL": ("mongo", "mongodb://127.0.0.1:{}/?replicaSet=rs0"),
            "LIVEDROPS_MEDIA_MONGO_URL": ("mongo", "mongodb://127.0.0.1:{}/?replicaSet=rs0"),
            "LIVEDROPS_REDIS_URL": ("redis", "redis://127.0.0.1:{}/0"),
            "LIVEDROPS_SEARCH_ELASTICSEARCH_URL": ("elasticsearch", "http://127.0.0.1:{}"),
        }
        addresses = {name: url.format(self.ports[server]) for name, (server, url) in local.items() if server in self.ports}
        keys = {
            "LIVEDROPS_CURSOR_KEY": self.credentials.cursor_key,
            "LIVEDROPS_JWT_PUBLIC_KEY": self._public_key("LIVEDROPS_JWT_KEY", self.credentials.jwt_key, public_key_of),
            "LIVEDROPS_VAPID_PUBLIC_KEY": self._public_key("LIVEDROPS_VAPID_KEY", self.credentials.vapid_key, public_text),
        }
        return addresses | keys | self._public() | self._statsd()

    def _public_key(self, name: str, ours: str, public: Callable[[str], str]) -> str:
        """What belongs to what signs. A person's own signing key has its own; one that makes no sense its unit refuses."""
        try:
            return public(self.settings.passed_on.get(name, ours))
        except ValueError:
            return ""

    def _statsd(self) -> dict[str, str]:
        """Where metrics go, whether somebody listens or not: so monitoring starts and stops without any unit noticing."""
        return {"LIVEDROPS_STATSD_PORT": str(self.ports[STATSD])} if STATSD in self.ports else {}

    def _public(self) -> dict[str, str]:
        """Addresses behind the ingress."""
        if "ingress" not in self.ports:
            return {}
        public = f"http://127.0.0.1:{self.ports['ingress']}"
        media = {"LIVEDROPS_MEDIA_BASE_URL": f"{public}/media", "LIVEDROPS_MEDIA_UPLOAD_URL": f"{public}/media/uploads"}
        return {"LIVEDROPS_PUBLIC_URL": public, **media}

    def _broker_url(self, user: str) -> str:
        password = self.credentials.broker.get(user)
        if password is None:
            raise SetupError(f"The broker has no user {user!r}: services/contracts/rights.py names them all")
        broker = self.settings.broker()
        scheme, place = (broker.scheme, broker.netloc.rpartition("@")[2]) if broker else ("amqp", f"127.0.0.1:{self.ports['rabbitmq']}")
        query = f"?{broker.query}" if broker and broker.query else ""
        return f"{scheme}://{quote(user, safe='')}:{password}@{place}/{quote(VHOST, safe='')}{query}"
