"""The outbox relay, the only publisher of orders' events: python -m services.orders.relay

It also shows each stock that changed in the cache again, in case orders died before it could.
"""

from services.kernel.cache import Cache
from services.kernel.leases import Lease
from services.kernel.outbox import OutboxRelay
from services.kernel.postgres import Postgres
from services.kernel.process import enter
from services.kernel.publisher import EventPublisher
from services.kernel.shown_stock import ShownStock
from services.kernel.worker import run_rounds
from services.orders import usecases
from services.orders.settings import OrdersSettings
from services.orders.store import Books


def main() -> None:
    settings = OrdersSettings.load_or_exit()
    here = enter(settings)
    postgres = Postgres(settings.orders_postgres_url.get_secret_value(), here.metrics, size=2, name="orders")
    publisher = EventPublisher(settings.broker_url.get_secret_value(), settings.unit)
    cache = Cache(settings.redis_url.get_secret_value(), here.metrics, settings.redis_deadline_s)
    books, shown = Books(postgres), ShownStock(cache)

    def show(drop_ids: set[str]) -> None:
        for drop_id in drop_ids:
            book, _ = books.book(drop_id)
            usecases.show_book(books, shown, book)

    here.require("postgres", postgres.check)
    here.require("broker", publisher.check)
    here.prefer("redis", cache.check)
    publisher.start()
    relay = OutboxRelay(postgres, publisher, Lease(postgres, "orders-relay"), "drop_id", show)
    run_rounds(here, relay.round, relay.close)


if __name__ == "__main__":
    main()
