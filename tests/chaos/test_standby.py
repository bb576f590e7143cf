"""The primary of the books dies in the middle of a sale, and its synchronous standby takes over: no order that was given is lost.

Nothing is configured anew: clients have both addresses, and look for the one that writes.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from cli.commands.migrate import MIGRATIONS
from services.kernel import migrations
from services.kernel.metrics import Metrics
from services.kernel.postgres import Postgres
from stack.api import Stack
from stack.ports import is_free, settle_ports
from tests.chaos.disturbances import running_with
from tests.chaos.sale import Market, selling
from tests.conftest import ask, eventually
from tests.postgres_server import ROLE, PostgresServer, reachable

pytestmark = pytest.mark.timeout(300)
UNITS = ("orders", "orders-relay", "orders-views", "orders-terms", "orders-reconciler")
STANDBY = "standby"
# It otherwise may sit out five seconds of looking for its primary before it hears that it is one.
IMPATIENT = ("wal_retrieve_retry_interval=500ms",)
# Each commit is on both disks before it is told.
SYNCHRONOUS = (f"synchronous_standby_names={STANDBY}", "synchronous_commit=on")


@dataclass(frozen=True)
class Pair:
    primary: PostgresServer
    standby: PostgresServer

    @property
    def url(self) -> str:
        return f"postgresql://{ROLE}@{self.primary.place},{self.standby.place}/orders?target_session_attrs=read-write"


@pytest.fixture
def pair(tmp_path: Path, metrics: Metrics) -> Iterator[Pair]:
    """A primary with the schema of orders, and its standby that has caught up."""
    folder = reachable(tmp_path / "postgres")
    ports = settle_ports(["primary", "standby"], {}, is_free)
    primary = PostgresServer(folder / "primary", ports["primary"], SYNCHRONOUS)
    standby = PostgresServer(folder / "standby", ports["standby"], IMPATIENT)
    try:
        primary.make()
        primary.start()
        primary.wait_ready()
        standby.follow(primary, STANDBY)
        standby.start()
        standby.wait_ready(is_primary=False)
        eventually(lambda: primary.ask("select 1 from pg_stat_replication where sync_state = 'sync'"))
        primary.ask("create database orders")
        store = Postgres(primary.url("orders"), metrics, size=1)
        list(migrations.migrate(store, MIGRATIONS["orders"]))
        store.close()
        yield Pair(primary, standby)
    finally:
        primary.kill()
        standby.kill()


@pytest.fixture
def market_of_pair(stack: Stack, market: Market, pair: Pair) -> Iterator[Market]:
    with running_with(stack, {unit: {"LIVEDROPS_ORDERS_POSTGRES_URL": pair.url} for unit in UNITS}):
        yield replace(market, sql=partial(ask, pair.url))


def test_the_standby_takes_over_a_sale(stack: Stack, pair: Pair, market_of_pair: Market, rounds: Callable[[int, int], range]) -> None:
    before = [stack.pid(unit) for unit in UNITS]
    with selling(market_of_pair) as sale:
        for _ in rounds(1, 5):
            sale.wait_for_orders()
        killed_at = time.monotonic()
        pair.primary.kill()
        pair.standby.promote()
        promoted_at = time.monotonic()
        sale.wait_for_orders(more=1)
        flowing_at = time.monotonic()
        sale.wait_for_orders()
    print(f"\n  promoted {promoted_at - killed_at:.2f} s after the kill, orders {flowing_at - promoted_at:.2f} s later")
    assert [stack.pid(unit) for unit in UNITS] == before
