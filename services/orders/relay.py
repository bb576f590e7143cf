"""The outbox relay, the only publisher of orders' events: python -m services.orders.relay

One at a time under a lease. Reads without row locks, publishes with confirms, then deletes, fenced by the lease's epoch:
at least once, in no promised order. It also shows each stock that changed in the cache again, in case orders died before it could.
"""

import logging

import msgspec

from services.contracts.events import Event
from services.kernel import failpoints
from services.kernel.cache import Cache
from services.kernel.leases import LEASE_S, Lease
from services.kernel.postgres import Postgres
from services.kernel.process import enter
from services.kernel.publisher import EventPublisher
from services.kernel.shown_stock import ShownStock
from services.kernel.worker import run_rounds
from services.orders import usecases
from services.orders.settings import OrdersSettings
from services.orders.store import Books

log = logging.getLogger("livedrops.relay")
# Rows of one round; each is a transaction's events, up to some hundred.
ROUND = 50
# Events must be heard within two seconds; looking ten times a second costs an idle machine nothing to speak of.
IDLE_PAUSE_S = 0.1

_READ = "select drop_id::text, id::text, events from outbox order by id limit %s"
_DELETE = "delete from outbox where (drop_id, id) in (select * from unnest(%s::uuid[], %s::uuid[])); commit"


class Relay:
    def __init__(self, postgres: Postgres, publisher: EventPublisher, shown: ShownStock, lease: Lease) -> None:
        self._postgres = postgres
        self._publisher = publisher
        self._books = Books(postgres)
        self._shown = shown
        self._lease = lease

    def round(self) -> float:
        """Publish what waits. Returns the seconds to pause."""
        if not self._lease.hold():
            return LEASE_S / 3
        with self._postgres.session() as session:
            rows = session.rows(_READ, (ROUND,))
        if not rows:
            return IDLE_PAUSE_S
        events = [event for row in rows for event in msgspec.json.decode(row[2], type=list[Event])]
        failpoints.reach("relay.before_publish")
        self._publisher.publish(events)
        failpoints.reach("relay.before_delete")
        self._delete([row[0] for row in rows], [row[1] for row in rows])
        self._show({row[0] for row in rows})
        return 0.0

    def _delete(self, drops: list[str], ids: list[str]) -> None:
        with self._postgres.session() as session:
            session.run("begin")
            self._lease.fence(session)
            session.run(_DELETE, (drops, ids))

    def _show(self, drops: set[str]) -> None:
        for drop_id in drops:
            book, _ = self._books.book(drop_id)
            usecases.show_book(self._books, self._shown, book)

    def close(self) -> None:
        self._lease.release()
        self._publisher.stop()
        self._postgres.close()


def main() -> None:
    settings = OrdersSettings.load_or_exit()
    here = enter(settings)
    postgres = Postgres(settings.orders_postgres_url.get_secret_value(), here.metrics, size=2, name="orders")
    publisher = EventPublisher(settings.broker_url.get_secret_value(), settings.unit)
    cache = Cache(settings.redis_url.get_secret_value(), here.metrics, settings.redis_deadline_s)
    here.require("postgres", postgres.check)
    here.require("broker", publisher.check)
    here.prefer("redis", cache.check)
    publisher.start()
    relay = Relay(postgres, publisher, ShownStock(cache), Lease(postgres, "orders-relay"))
    run_rounds(here, relay.round, relay.close)


if __name__ == "__main__":
    main()
