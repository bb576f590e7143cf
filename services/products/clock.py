"""The drop clock: says when drops start and end: python -m services.products.clock

One at a time under a lease, by the database's clock. What is due is published with confirms under ids that depend on the drop alone, then
marked, fenced by the lease's epoch: told once in effect, whatever dies, and after an absence all that was missed. Before a start it makes sure
that orders knows the drop; it settles changes of drops whose process has died; and it tells how large a crowd is expected.
"""

import logging
from datetime import datetime

from services.contracts.errors import LiveDropsError
from services.contracts.orders import Orders
from services.contracts.products import terms_of
from services.contracts.users import Users
from services.kernel import calls, drop_cards, failpoints
from services.kernel.cache import Cache
from services.kernel.cursors import Cursors
from services.kernel.leases import LEASE_S, Lease
from services.kernel.metrics import Metrics
from services.kernel.postgres import Postgres
from services.kernel.process import enter
from services.kernel.publisher import EventPublisher
from services.kernel.rpc_client import RpcClient
from services.kernel.worker import run_rounds
from services.products import announcements, domain, usecases
from services.products.crowd import Crowd
from services.products.finding import Finder
from services.products.media.library import Library
from services.products.media.records import Records
from services.products.rows import DROP_COLUMNS, drop_of
from services.products.settings import ProductsSettings
from services.products.store import Shelf
from services.products.usecases import Shop

log = logging.getLogger("livedrops.clock")
# Drops told at once: a thousand that are due in one second are two rounds.
ROUND = 500
# How late a start may be noticed: one question of two small indexes, ten times a second.
LOOK_EVERY_S = 0.1
# What is not due to the moment is looked after once in so many looks.
CHORES_EVERY = 10
# So long before its start orders must know a drop, and so many are made known in one round.
PREPARE_BEFORE_S, PREPARED_AT_ONCE = 60, 20
# A process that settles its change takes a second; past this it has died.
ABANDONED_AFTER_S = 10.0
_EVENTS = {"starts": "drop.started", "ends": "drop.ended"}
_WHERE = {
    # A drop that ended before its start was told was ended or changed while nobody told: its start is told all the same, first.
    "starts": "from drops where not started_told and cancelled_at is null and starts_at <= clock_timestamp()",
    "ends": "from drops where not ended_told and started_told and cancelled_at is null and ends_at <= clock_timestamp()",
}
_IS_DUE = "select " + ", ".join(f"exists (select {where})" for where in _WHERE.values())
_DUE = {what: f"select {DROP_COLUMNS}, clock_timestamp() {where} order by {what}_at limit %s" for what, where in _WHERE.items()}
_MARK = {
    name: f"update drops set {column} = true where (creator_id, id) in (select * from unnest(%s::uuid[], %s::uuid[])); commit"
    for name, column in (("starts", "started_told"), ("ends", "ended_told"))
}
_UNPREPARED = (
    f"select {DROP_COLUMNS} from drops where not prepared and not started_told and cancelled_at is null and proposed is null "
    "and starts_at <= clock_timestamp() + %s * interval '1 second' order by starts_at limit %s"
)


class Clock:
    def __init__(
        self, postgres: Postgres, publisher: EventPublisher, lease: Lease, shop: Shop, cache: Cache, crowd: Crowd, metrics: Metrics
    ) -> None:
        self._postgres = postgres
        self._publisher = publisher
        self._lease = lease
        self._shop = shop
        self._cache = cache
        self._crowd = crowd
        self._metrics = metrics
        self._looks = 0

    def round(self) -> float:
        """Tell what is due. Returns the seconds to pause."""
        if not self._lease.hold():
            return LEASE_S / 3
        with self._postgres.session() as session:
            ((starts, ends),) = session.rows(_IS_DUE, ())
        if (starts and self._tell("starts")) or (ends and self._tell("ends")):
            return 0.0  # there may be more
        if self._looks % CHORES_EVERY == 0:
            self._prepare()
            self._settle_abandoned()
            self._crowd.tell()
        self._looks += 1
        return LOOK_EVERY_S

    def _tell(self, what: str) -> int:
        with self._postgres.session() as session:
            rows = session.rows(_DUE[what], (ROUND,))
        if not rows:
            return 0
        now: datetime = rows[0][-1]
        drops = [domain.as_seen(drop_of(row), now) for row in rows]
        failpoints.reach("clock.before_publish")
        self._publisher.publish([announcements.of_moment(_EVENTS[what], drop, now) for drop in drops])
        # Who watches hears it sooner than the event comes round.
        drop_cards.forget(self._cache, [drop.id for drop in drops])
        for drop in drops:
            due = drop.starts_at if what == "starts" else drop.ends_at
            self._metrics.timing(f"products.clock.{what}_late", (now - due).total_seconds())
        failpoints.reach("clock.before_mark")
        with self._postgres.session() as session:
            session.run("begin")
            self._lease.fence(session)
            session.run(_MARK[what], ([drop.creator_id for drop in drops], [drop.id for drop in drops]))
        return len(drops)

    def _prepare(self) -> None:
        """Make sure that orders knows what starts soon; its own way to hear of it is an event, which may be late."""
        with self._postgres.session() as session:
            rows = session.rows(_UNPREPARED, (PREPARE_BEFORE_S, PREPARED_AT_ONCE))
        for row in rows:
            drop = drop_of(row).drop
            try:
                self._shop.orders.set_terms(terms=terms_of(drop))
            except LiveDropsError as error:
                log.warning("orders could not be told of a drop; it is tried again", extra={"drop_id": drop.id, "error": error.code})
                return
            with self._postgres.session() as session:
                key = (drop.creator_id, drop.id, drop.version)
                session.run("update drops set prepared = true where creator_id = %s and id = %s and version = %s", key)

    def _settle_abandoned(self) -> None:
        for proposal in self._shop.shelf.unsettled(ABANDONED_AFTER_S, PREPARED_AT_ONCE):
            with calls.under(calls.begin()):
                try:
                    usecases.settle(self._shop, proposal)
                except LiveDropsError as error:
                    log.warning("an abandoned change was not settled", extra={"drop_id": proposal.drop.id, "error": error.code})

    def close(self) -> None:
        self._lease.release()
        self._publisher.stop()
        self._postgres.close()


def main() -> None:
    settings = ProductsSettings.load_or_exit()
    here = enter(settings)
    postgres = Postgres(settings.products_postgres_url.get_secret_value(), here.metrics, size=2, name="products")
    publisher = EventPublisher(settings.broker_url.get_secret_value(), settings.unit)
    rpc = RpcClient(settings.broker_url.get_secret_value(), settings.unit, here.metrics)
    here.require("postgres", postgres.check)
    here.require("broker", publisher.check)
    publisher.start()
    rpc.start()
    cursors = Cursors(settings.cursor_key.get_secret_value().encode(), "products")
    library = Library(Records(postgres, settings.media_upload_hours * 3600), settings)
    shop = Shop(Shelf(postgres), rpc.service("orders", Orders), cursors, Finder(postgres), library)
    cache = Cache(settings.redis_url.get_secret_value(), here.metrics, settings.redis_deadline_s)
    here.prefer("redis", cache.check)
    crowd = Crowd(postgres, rpc.service("users", Users), here.metrics, settings)
    clock = Clock(postgres, publisher, Lease(postgres, "products-clock"), shop, cache, crowd, here.metrics)
    run_rounds(here, clock.round, clock.close)
    rpc.stop()


if __name__ == "__main__":
    main()
