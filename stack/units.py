"""The one table of deploy units: everything that is started besides servers, here and in production.

A broker user must have its rights in services/contracts/rights.py.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """One deploy unit.

    command: what runs it; `{python}` stands for the interpreter.
    broker_user: whose rights it has on the broker.
    needs: the servers it talks to, of rabbitmq, postgres, mongo, redis, elasticsearch. A unit waits for all but the last one, without
        which it starts all the same; where it can't be had, it gets no address of it.
    readiness: path that answers 200 on its HTTP port once it can do its work.
    port: whether it listens for HTTP; each process gets a port of its own.
    processes: how many run beside each other on one machine.
    nice: added to the scheduling priority; positive gives way to what buyers wait for.
    first: people can't look and buy without it; `make run` opens its address once these serve, and starts all others then.
    """

    name: str
    command: tuple[str, ...]
    broker_user: str
    needs: tuple[str, ...]
    readiness: str = "/readyz"
    port: bool = True
    processes: int = 1
    nice: int = 0
    first: bool = False

    @property
    def process_names(self) -> tuple[str, ...]:
        """One name for each process: the unit's own where there is one, numbered from 1 otherwise."""
        if self.processes == 1:
            return (self.name,)
        return tuple(f"{self.name}-{number}" for number in range(1, self.processes + 1))


_NAMEKO = ("{python}", "-m", "services.kernel.run")

UNITS: tuple[Unit, ...] = (
    Unit("gateway", ("{python}", "-m", "gateway"), "gateway", ("rabbitmq", "redis"), processes=2, first=True),
    Unit("live", ("{python}", "-m", "gateway.live"), "live", ("rabbitmq", "redis")),
    Unit("products", (*_NAMEKO, "services.products.service:ProductsService"), "products", ("rabbitmq", "postgres", "redis"), first=True),
    Unit("products-stock", (*_NAMEKO, "services.products.handlers:StockNews"), "products-stock", ("rabbitmq", "postgres", "redis"), nice=5),
    Unit("products-relay", ("{python}", "-m", "services.products.relay"), "products-relay", ("rabbitmq", "postgres", "redis")),
    Unit("products-clock", ("{python}", "-m", "services.products.clock"), "products-clock", ("rabbitmq", "postgres", "redis")),
    Unit("media", ("{python}", "-m", "services.products.media"), "media", ("postgres", "mongo")),
    Unit("users", (*_NAMEKO, "services.users.service:UsersService"), "users", ("rabbitmq", "mongo", "redis"), first=True),
    Unit("users-capture", ("{python}", "-m", "services.users.cdc"), "users-capture", ("rabbitmq", "mongo", "redis")),
    Unit("search", (*_NAMEKO, "services.search.service:SearchService"), "search", ("rabbitmq", "redis", "elasticsearch")),
    Unit(
        "search-indexer",
        (*_NAMEKO, "services.search.handlers:SearchIndexer"),
        "search-indexer",
        ("rabbitmq", "redis", "elasticsearch"),
        nice=5,
    ),
    Unit("orders", (*_NAMEKO, "services.orders.service:OrdersService"), "orders", ("rabbitmq", "postgres", "redis"), first=True),
    Unit(
        "notifications",
        (*_NAMEKO, "services.notifications.service:NotificationsService"),
        "notifications",
        ("rabbitmq", "mongo", "redis"),
    ),
    # People wait for what it tells: nothing goes before it.
    Unit(
        "notifications-events",
        (*_NAMEKO, "services.notifications.handlers:NotificationsEvents"),
        "notifications-events",
        ("rabbitmq", "mongo", "redis"),
    ),
    # Gives way to whatever somebody waits for: a crowd that is told takes minutes.
    Unit(
        "notifications-push",
        (*_NAMEKO, "services.notifications.push.handlers:NotificationsPush"),
        "notifications-push",
        ("rabbitmq", "mongo", "redis"),
        nice=10,
    ),
    # `analytics` is the team.
    Unit(
        "analytics-service",
        (*_NAMEKO, "services.analytics.service:AnalyticsService"),
        "analytics-service",
        ("rabbitmq", "postgres"),
        nice=5,
    ),
    # Nobody waits for it: it takes what a sale leaves over.
    Unit(
        "analytics-events", (*_NAMEKO, "services.analytics.handlers:AnalyticsEvents"), "analytics-events", ("rabbitmq", "postgres"), nice=15
    ),
    Unit("orders-views", (*_NAMEKO, "services.orders.handlers:OrderViews"), "orders-views", ("rabbitmq", "postgres", "redis"), nice=5),
    Unit("orders-terms", (*_NAMEKO, "services.orders.handlers:OrderTerms"), "orders-terms", ("rabbitmq", "postgres", "redis"), nice=5),
    Unit("orders-relay", ("{python}", "-m", "services.orders.relay"), "orders-relay", ("rabbitmq", "postgres", "redis")),
    Unit(
        "orders-reconciler",
        ("{python}", "-m", "services.orders.reconciler"),
        "orders-reconciler",
        ("rabbitmq", "postgres", "redis"),
        nice=5,
    ),
)


def unit_of(name: str, units: tuple[Unit, ...] = UNITS) -> Unit | None:
    """The unit of that name, or with a process of that name; None where there is neither."""
    for unit in units:
        if name == unit.name or name in unit.process_names:
            return unit
    return None
