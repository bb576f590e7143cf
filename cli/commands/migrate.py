"""`livedrops migrate`: bring the schemas of every context up to date."""

import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from textwrap import shorten

import click
import psycopg2

from cli.addresses import ANALYTICS_POSTGRES, MEDIA_MONGO, NOTIFICATIONS_MONGO, ORDERS_POSTGRES, PRODUCTS_POSTGRES, USERS_MONGO, Addresses
from cli.failures import CommandFailed
from services import analytics, orders, products
from services.contracts.errors import Unavailable
from services.kernel import migrations
from services.kernel.metrics import Metrics
from services.kernel.mongo import Mongo
from services.kernel.postgres import Postgres
from services.notifications import layout as notifications_layout
from services.products.media import gridfs
from services.users import layout

MIGRATIONS = {
    context: Path(str(module.__file__)).parent / "migrations"
    for context, module in (("orders", orders), ("products", products), ("analytics", analytics))
}
# A store that starts is ready within a moment; asking more often would only fill its log.
ASK_EVERY_S = 0.5
# MongoDB's client describes its whole world; the beginning says what is wrong.
LONGEST_REASON = 200


@click.command()
@click.option("--wait-s", type=click.FloatRange(0), default=30.0, show_default=True, help="How long to wait for each store, in seconds.")
@click.pass_obj
def migrate(addresses: Addresses, wait_s: float) -> None:
    """Apply what is missing to the schemas of all contexts. Safe to repeat, and beside traffic.

    \b
    Example:
      livedrops migrate --wait-s 60
    """
    # All addresses first: half a migration helps nobody.
    urls = {
        "orders": addresses.require(ORDERS_POSTGRES),
        "products": addresses.require(PRODUCTS_POSTGRES),
        "analytics": addresses.require(ANALYTICS_POSTGRES),
    }
    mongo_url, notifications_url = addresses.require(USERS_MONGO), addresses.require(NOTIFICATIONS_MONGO)
    # None where media are kept in S3.
    media_url = addresses.require(MEDIA_MONGO) if addresses.find("LIVEDROPS_MEDIA_STORE") != "s3" else None
    for context, url in urls.items():
        _report(context, migrate_postgres(context, url, wait_s))
    _report("users", migrate_mongo(mongo_url, addresses.users_database(), layout.bootstrap, wait_s))
    _report("notifications", migrate_mongo(notifications_url, addresses.notifications_database(), notifications_layout.bootstrap, wait_s))
    if media_url is not None:
        _report("media", migrate_mongo(media_url, addresses.media_database(), gridfs.bootstrap, wait_s))


def migrate_postgres(context: str, url: str, wait_s: float) -> Iterator[str]:
    """Apply the migrations of a context's PostgreSQL. Yields what was done. Raises Unavailable, CommandFailed."""
    store = Postgres(url, Metrics(), size=1, name="migrate")
    try:
        _wait("PostgreSQL", store.check, wait_s)
        for name in migrations.migrate(store, MIGRATIONS[context]):
            yield f"applied {name}"
    except psycopg2.Error as error:
        raise CommandFailed("MIGRATION_FAILED", f"{context}, PostgreSQL: {error}") from error
    finally:
        store.close()


def migrate_mongo(url: str, database: str, bootstrap: Callable[[Mongo], Iterator[str]], wait_s: float) -> Iterator[str]:
    """Make collections, indexes and shard keys of a database in MongoDB. Yields what was done. Raises Unavailable."""
    store = Mongo(url, database, Metrics(), patient=True)
    try:
        _wait("MongoDB", store.check, wait_s)
        yield from bootstrap(store)
    finally:
        store.close()


def _wait(name: str, check: Callable[[], None], wait_s: float) -> None:
    """Until the store answers. Raises Unavailable with its last word."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return check()
        except Unavailable as error:
            if time.monotonic() >= deadline:
                reason = shorten(str(error.__cause__ or error), LONGEST_REASON)
                raise Unavailable(f"{name} did not answer within {wait_s:g} s: {reason}") from error
        time.sleep(ASK_EVERY_S)


def _report(context: str, steps: Iterator[str]) -> None:
    """Print each step once it is done."""
    first = next(steps, "nothing to do")
    for step in chain([first], steps):
        click.echo(f"{context}: {step}")
