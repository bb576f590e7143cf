"""Two relays: one at a time publishes, and one that was paused past its lease can change nothing when it wakes."""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg2
import pytest

from stack.api import Stack
from tests.chaos.books import Sql
from tests.chaos.disturbances import TAKEN_OVER_WITHIN_S, paused, pid_of, second_process
from tests.chaos.sale import Market, selling
from tests.conftest import eventually

LEASE = "orders-relay"


@pytest.fixture
def second(stack: Stack, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A second relay, standing by."""
    with second_process(stack, "orders-relay", tmp_path) as process:
        yield process


def test_a_second_relay_takes_over_from_a_paused_one_and_every_order_is_told(
    stack: Stack, market: Market, sql: Sql, second: subprocess.Popen[bytes], rounds: Callable[[int, int], range]
) -> None:
    with selling(market) as sale:
        sale.wait_for_orders()
        for _ in rounds(1, 5):
            holder = eventually(lambda: _holder(sql))
            assert holder in (stack.pid("orders-relay"), second.pid)
            with paused(holder) as since:
                eventually(partial(_is_held_by_another, sql, holder), timeout_s=20)
                taken_over_s = time.monotonic() - since
                sale.wait_for_orders()
            print(f"\n  taken over in {taken_over_s:.2f} s")
            assert taken_over_s < TAKEN_OVER_WITHIN_S
            sale.wait_for_orders()


def test_a_relay_that_was_paused_with_events_in_hand_changes_nothing_when_it_wakes(
    stack: Stack, sql: Sql, second: subprocess.Popen[bytes]
) -> None:
    first, log = stack.pid("orders-relay"), stack.log("orders-relay")
    with paused(second.pid):
        eventually(lambda: _holder(sql) == first)
        said_before = len(log.read_text())
        drop_id, row_id = str(uuid.uuid4()), str(uuid.uuid4())
        with _outbox_locked(stack, drop_id, row_id):
            # The first relay asks for the outbox; its answer comes when it is paused.
            eventually(lambda: _readers_waiting(sql))
            os.kill(first, signal.SIGSTOP)
    try:
        eventually(lambda: _holder(sql) == second.pid)
        eventually(lambda: not _in_outbox(sql, row_id))
        with paused(second.pid):
            _put_in_outbox(sql, drop_id, row_id)
            os.kill(first, signal.SIGCONT)
            eventually(lambda: "LeaseLost" in log.read_text()[said_before:])
            assert _in_outbox(sql, row_id)
            assert _holder(sql) == second.pid
    finally:
        os.kill(first, signal.SIGCONT)
    eventually(lambda: not _in_outbox(sql, row_id))


def _holder(sql: Sql) -> int:
    """The process that holds the lease, 0 where there is none."""
    rows = sql("select holder from leases where name = %s", LEASE)
    return pid_of(rows[0][0]) if rows else 0


def _is_held_by_another(sql: Sql, than: int) -> bool:
    return _holder(sql) != than


@contextmanager
def _outbox_locked(stack: Stack, drop_id: str, row_id: str) -> Iterator[None]:
    """Nobody reads the outbox during the block; behind it, there is a row more."""
    connection = psycopg2.connect(stack.environment("orders")["LIVEDROPS_ORDERS_POSTGRES_URL"])
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("lock table outbox in access exclusive mode")
            cursor.execute("insert into outbox (drop_id, id, events) values (%s, %s, '[]')", (drop_id, row_id))
            yield
    finally:
        connection.close()


def _readers_waiting(sql: Sql) -> bool:
    return bool(
        sql(
            "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%%from outbox%%' and query not like '%%pg_stat%%'"
        )
    )


def _put_in_outbox(sql: Sql, drop_id: str, row_id: str) -> None:
    sql("insert into outbox (drop_id, id, events) values (%s, %s, '[]')", drop_id, row_id)


def _in_outbox(sql: Sql, row_id: str) -> bool:
    return bool(sql("select 1 from outbox where id = %s", row_id))
