"""The outbox relay, the publisher of what sellers change: python -m services.products.relay"""

from services.kernel.leases import Lease
from services.kernel.outbox import OutboxRelay
from services.kernel.postgres import Postgres
from services.kernel.process import enter
from services.kernel.publisher import EventPublisher
from services.kernel.worker import run_rounds
from services.products.settings import ProductsSettings


def main() -> None:
    settings = ProductsSettings.load_or_exit()
    here = enter(settings)
    postgres = Postgres(settings.products_postgres_url.get_secret_value(), here.metrics, size=2, name="products")
    publisher = EventPublisher(settings.broker_url.get_secret_value(), settings.unit)
    here.require("postgres", postgres.check)
    here.require("broker", publisher.check)
    publisher.start()
    relay = OutboxRelay(postgres, publisher, Lease(postgres, "products-relay"), "creator_id")
    run_rounds(here, relay.round, relay.close)


if __name__ == "__main__":
    main()
