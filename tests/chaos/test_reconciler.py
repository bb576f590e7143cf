"""The reconciler: a book that somebody falsified is found within seconds, loudly, until it is mended."""

import socket
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from services.contracts.orders import Orders, PlaceOrder, Stock
from stack.api import Stack
from tests.chaos.books import Sql
from tests.conftest import eventually

GAUGE = "livedrops.orders.reconciler.unbalanced"
# What the constraint of the store can't see: units called sold that no order has, and a version that nobody audited.
FALSIFICATIONS = {
    "units": ("available = available - 1, sold = sold + 1", "available = available + 1, sold = sold - 1"),
    "version": ("version = version + 1", "version = version - 1"),
}


@pytest.fixture
def gauges(stack: Stack) -> Iterator[Callable[[], list[float]]]:
    """What the reconciler says of unbalanced books, since the last look."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.05)
        stack.set_environment("orders-reconciler", {"LIVEDROPS_STATSD_PORT": str(listener.getsockname()[1])})
        try:
            stack.wait_ready("orders-reconciler")
            yield lambda: _heard(listener)
        finally:
            stack.clear_environment("orders-reconciler")
            stack.wait_ready("orders-reconciler")


def _heard(listener: socket.socket) -> list[float]:
    values, deadline = list[float](), time.monotonic() + 1
    while time.monotonic() < deadline:
        try:
            lines = listener.recv(65_536).decode().splitlines()
        except TimeoutError:
            continue
        values += [float(line.partition(":")[2].partition("|")[0]) for line in lines if line.startswith(f"{GAUGE}:")]
    return values


@pytest.mark.parametrize("kind", FALSIFICATIONS)
def test_a_falsified_book_is_found_and_forgotten_once_it_is_mended(
    kind: str, stack: Stack, sql: Sql, orders: Orders, open_drop: Callable[..., Stock], gauges: Callable[[], list[float]]
) -> None:
    drop = open_drop()
    orders.place_order(request=PlaceOrder(drop.drop_id, str(uuid.uuid4()), 1, "k"))
    eventually(lambda: gauges()[-1:] == [0.0])
    falsify, mend = FALSIFICATIONS[kind]
    sql(f"update stock set {falsify} where drop_id = %s", drop.drop_id)
    try:
        eventually(lambda: gauges()[-1:] == [1.0])
        assert "A BOOK DOES NOT BALANCE" in stack.log("orders-reconciler").read_text()
        findings = _all_findings(orders)
        assert findings == {drop.drop_id}
    finally:
        sql(f"update stock set {mend} where drop_id = %s", drop.drop_id)
    eventually(lambda: gauges()[-1:] == [0.0])
    assert _all_findings(orders) == set()


def _all_findings(orders: Orders) -> set[str]:
    found, after = set[str](), None
    while True:
        page = orders.reconcile(after=after, first=100)
        found |= {finding.drop_id for finding in page.findings}
        if page.next is None:
            return found
        after = page.next
