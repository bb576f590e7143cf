"""Leases, the connection pool, migrations, metrics and health, on the running stores."""

import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests

from services.contracts.errors import DeadlineExceeded, Unavailable
from services.contracts.orders import Stock
from services.kernel.leases import Lease, LeaseLost
from services.kernel.metrics import Metrics
from services.kernel.migrations import PARTITIONS, migrate
from services.kernel.postgres import Postgres
from stack.api import Stack
from tests.conftest import Person, eventually


@pytest.fixture
def postgres(stack: Stack, metrics: Metrics) -> Iterator[Postgres]:
    store = Postgres(stack.environment("orders")["LIVEDROPS_ORDERS_POSTGRES_URL"], metrics, size=2, name="tests", wait_s=0.5)
    yield store
    store.close()


class TestLease:
    def test_one_at_a_time_and_the_next_after_it_ran_out(self, postgres: Postgres) -> None:
        name = f"test {uuid.uuid4()}"
        first, second = Lease(postgres, name, 0.4), Lease(postgres, name, 0.4)
        assert first.hold()
        assert not second.hold()
        eventually(second.acquire, timeout_s=3)
        assert (second.epoch or 0) > (first.epoch or 0)
        assert not first.acquire()

    def test_a_paused_old_leader_can_write_nothing(self, postgres: Postgres) -> None:
        name = f"test {uuid.uuid4()}"
        old, new = Lease(postgres, name, 0.2), Lease(postgres, name, 10)
        assert old.hold()
        epoch = old.epoch
        eventually(new.acquire, timeout_s=3)
        old.epoch = epoch  # it never noticed
        with postgres.session() as session:
            session.run("begin")
            with pytest.raises(LeaseLost):
                old.fence(session)

    def test_a_lease_given_up_is_free_at_once(self, postgres: Postgres) -> None:
        name = f"test {uuid.uuid4()}"
        first = Lease(postgres, name, 60)
        assert first.hold()
        first.release()
        assert Lease(postgres, name, 60).hold()


class TestPool:
    def test_waiters_are_served_in_the_order_they_came(self, postgres: Postgres) -> None:
        served: list[int] = []
        sessions = [postgres.session(), postgres.session()]
        for session in sessions:
            session.__enter__()

        def use(number: int) -> None:
            with postgres.session():
                served.append(number)

        threads = []
        for number in range(6):
            threads.append(threading.Thread(target=use, args=(number,)))
            threads[-1].start()
            _until_waiting(postgres, number + 1)
        sessions[0].__exit__(None, None, None)
        for thread in threads:
            thread.join()
        sessions[1].__exit__(None, None, None)
        assert served == list(range(6))

    def test_nobody_waits_for_ever(self, postgres: Postgres) -> None:
        with postgres.session(), postgres.session(), pytest.raises(DeadlineExceeded), postgres.session():
            pass
        with postgres.session() as session:
            assert session.rows("select 1") == [(1,)]

    def test_a_transaction_left_open_is_rolled_back(self, postgres: Postgres) -> None:
        with postgres.session() as session:
            session.run("begin; create table left_open (x int)")
        with postgres.session() as session:
            assert session.rows("select to_regclass('left_open')") == [(None,)]

    def test_a_connection_that_died_while_idle_troubles_nobody(self, postgres: Postgres) -> None:
        with postgres.session() as session:
            pid = session.rows("select pg_backend_pid()")[0][0]
        with postgres.session() as one, postgres.session() as other:
            killer = one if one.rows("select pg_backend_pid()")[0][0] != pid else other
            killer.rows("select pg_terminate_backend(%s, 5000)", (pid,))
        for _ in range(4):
            with postgres.session() as session:
                assert session.rows("select 1") == [(1,)]

    def test_a_store_that_is_away_is_unavailable(self, metrics: Metrics) -> None:
        with pytest.raises(Unavailable), Postgres("postgresql://x@127.0.0.1:1/x", metrics).session():
            pass


def _until_waiting(postgres: Postgres, count: int) -> None:
    eventually(lambda: len(postgres._waiters) == count)


class TestMigrations:
    @pytest.fixture
    def empty(self, stack: Stack, metrics: Metrics) -> Iterator[Postgres]:
        url, name = stack.environment("orders")["LIVEDROPS_ORDERS_POSTGRES_URL"], f"test_{uuid.uuid4().hex}"
        admin = psycopg2.connect(url)
        admin.autocommit = True
        admin.cursor().execute(f"create database {name}")
        store = Postgres(re.sub(r"/[^/]*$", f"/{name}", url), metrics)
        yield store
        store.close()
        admin.cursor().execute(f"drop database {name} with (force)")
        admin.close()

    FOLDER = Path(__file__).parents[2] / "services" / "orders" / "migrations"

    def test_they_apply_once_and_spread_the_tables(self, empty: Postgres) -> None:
        assert list(migrate(empty, self.FOLDER)) == sorted(file.name for file in self.FOLDER.glob("*.sql"))
        assert list(migrate(empty, self.FOLDER)) == []
        with empty.session() as session:
            for table in ("stock", "orders", "stock_audit", "outbox", "user_orders"):
                partitions = session.rows("select count(*) from pg_inherits where inhparent = %s::regclass", (table,))
                assert partitions == [(PARTITIONS,)], table

    def test_one_that_fails_leaves_nothing(self, empty: Postgres, tmp_path: Path) -> None:
        (tmp_path / "0001_broken.sql").write_text("create table half (x int); select 1/0;")
        with pytest.raises(psycopg2.Error):
            list(migrate(empty, tmp_path))
        (tmp_path / "0001_broken.sql").write_text("create table half (x int);")
        assert list(migrate(empty, tmp_path)) == ["0001_broken.sql"]

    def test_two_at_once_wait_for_each_other(self, empty: Postgres) -> None:
        applied: list[list[str]] = []
        threads = [threading.Thread(target=lambda: applied.append(list(migrate(empty, self.FOLDER)))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(map(len, applied))[:2] == [0, 0]
        assert len(applied) == 3


@pytest.fixture
def statsd() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.2)
        yield listener


def test_every_step_of_an_order_has_its_metric(
    stack: Stack, statsd: socket.socket, open_drop: Callable[..., Stock], person: Callable[..., Person]
) -> None:
    units = ("orders", "orders-views", "orders-relay", "gateway")
    for unit in units:
        stack.set_environment(unit, {"LIVEDROPS_STATSD_PORT": str(statsd.getsockname()[1])})
    try:
        for unit in units:
            stack.wait_ready(unit)
        drop, buyer = open_drop(), person()
        wanted = {
            *("http.order.placeOrder.200", "orders.outcome.CONFIRMED", "rpc.client.orders.place_many", "rpc.server.orders.place_many"),
            *("store.orders.held", "cache.stock", "cache.limit", "events.orders.views", "events.orders.views.handled"),
        }
        seen: set[str] = set()

        def all_seen() -> bool:
            buyer.buy(drop.drop_id)
            end = time.monotonic() + 1
            while time.monotonic() < end:
                try:
                    lines = statsd.recv(65_536).decode().splitlines()
                except TimeoutError:
                    break
                seen.update(line.partition(":")[0].removeprefix("livedrops.") for line in lines)
            return wanted <= seen

        eventually(all_seen, timeout_s=20)
    finally:
        for unit in units:
            stack.clear_environment(unit)
        for unit in units:
            stack.wait_ready(unit)


@pytest.mark.parametrize("unit", ["gateway", "users", "orders", "orders-views", "orders-relay", "orders-reconciler"])
def test_a_unit_is_live_and_ready_and_names_its_dependencies(stack: Stack, unit: str) -> None:
    address = stack.address(unit)
    assert requests.get(f"{address}/livez", timeout=5).status_code == 200
    ready = requests.get(f"{address}/readyz", timeout=5)
    assert ready.status_code == 200
    assert set(ready.json()["parts"].values()) == {"ok"}


def test_a_unit_without_its_store_is_live_and_not_ready_and_without_redis_degraded(stack: Stack) -> None:
    parts: dict[str, Any]
    stack.stop("redis")
    stack.stop("mongo")
    try:
        parts = requests.get(f"{stack.address('users')}/readyz", timeout=10).json()
        assert parts["ready"] is False
        assert requests.get(f"{stack.address('users')}/livez", timeout=5).status_code == 200
        orders = requests.get(f"{stack.address('orders')}/readyz", timeout=10)
        assert orders.status_code == 200
        assert orders.json()["parts"]["redis"].startswith("degraded")
    finally:
        stack.start("redis")
        stack.start("mongo")
        for name in ("redis", "mongo", "users", "orders"):
            stack.wait_ready(name)


def test_a_unit_stops_gracefully(stack: Stack, open_drop: Callable[..., Stock], person: Callable[..., Person]) -> None:
    """An order in flight while its service is told to stop is answered, by it or by the next one."""
    drop, buyer = open_drop(total=500), person()
    answers: list[Any] = []

    def buy_on() -> None:
        for number in range(40):
            answers.append(buyer.buy(drop.drop_id, key=f"k{number}"))

    thread = threading.Thread(target=buy_on)
    thread.start()
    begin = time.monotonic()
    stack.restart("orders")
    assert time.monotonic() - begin < 11
    thread.join()
    stack.wait_ready("orders")
    assert all(answer.json()["data"]["placeOrder"]["order"] for answer in answers), [a.text for a in answers if not a.json()["data"]]
