"""Thousands of people watch one drop through the ingress: how soon after its cause does each of them see what happened? make bench-notify

    python -m tests.load.bench_live [--clients 5000] [--rounds 20]

Brings up the test stack. Everybody reads their inbox and watches the drop. Measured from the time that the cause has in the store (of a stock: its
audit row's, which is a moment before the commit) to the time that a client has read it. Goals: stock and state within 250 ms, notifications
within 2 s, for 99 of 100 clients.
"""

import argparse
import os
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2

from gateway.tokens import Tokens
from services.contracts.errors import SoldOut
from services.contracts.notifications import Notifications
from services.contracts.orders import Order, Orders, PlaceOrder
from services.contracts.products import Drop, DropChange, NewDrop, NewProduct, Products
from services.contracts.users import Role, User
from services.contracts.values import Money
from services.kernel.metrics import Metrics
from services.kernel.rpc_client import RpcClient
from stack import processes
from stack.api import Stack
from tests.load.listeners import Listeners, percentiles

GOAL_S = {"stock": 0.25, "state": 0.25, "notification": 2.0}
STOCK = 20_000
# Who signs in at once; each costs a look into the inbox.
OPENED_AT_ONCE = 64
SETTINGS = {
    "LIVEDROPS_LIVE_CONNECTIONS_PER_ADDRESS": "100000",
    "LIVEDROPS_ADDRESS_POINTS_PER_S": "100000",
    "LIVEDROPS_ADDRESS_POINTS_BURST": "100000",
}
# Between two causes: each is measured alone.
PAUSE_S = 0.4
HEARD_WITHIN_S = 30.0
RESOLD_WITHIN_S = 5.0


class Bench:
    def __init__(self, stack: Stack, rpc: RpcClient, clients: int) -> None:
        self._stack = stack
        self._orders = rpc.service("orders", Orders)
        self._products = rpc.service("products", Products)
        self._notifications = rpc.service("notifications", Notifications)
        self._tokens = Tokens(stack.environment("gateway")["LIVEDROPS_JWT_KEY"], "livedrops", 7200)
        self._people = [str(uuid.uuid4()) for _ in range(clients)]
        self._listeners = Listeners(stack.address("ingress"))
        self.drop = self._announce()
        self.delays_s: dict[str, list[float]] = {name: [] for name in GOAL_S}

    def _announce(self) -> Drop:
        """A drop that starts in an hour, or when the bench says so."""
        creator_id, now = str(uuid.uuid4()), datetime.now(UTC)
        product = NewProduct(name="A shirt", price=Money(4900, "EUR"))
        made = self._products.create_product(product_id=str(uuid.uuid4()), creator_id=creator_id, product=product)
        window = NewDrop(starts_at=now + timedelta(hours=1), ends_at=now + timedelta(hours=5), stock=STOCK)
        return self._products.schedule_drop(drop_id=str(uuid.uuid4()), product_id=made.id, drop=window)

    def gather(self) -> None:
        """Everybody asks to be reminded, and opens a stream."""
        with ThreadPoolExecutor(OPENED_AT_ONCE) as pool:
            begin = time.monotonic()
            list(pool.map(lambda who: self._notifications.remind(user_id=who, drop_id=self.drop.id), self._people))
            print(f"{len(self._people):,} people asked to be reminded in {time.monotonic() - begin:.1f} s")
            before = processes.resident_bytes(processes.tree(self._stack.pid("live")))
            begin = time.monotonic()
            list(pool.map(self._open, self._people))
            opened = time.monotonic() - begin
        if len(self._listeners.wait_for(("hello", None), len(self._people), 120)) < len(self._people):
            raise SystemExit(f"only {self._listeners.greeted():,} streams were opened, {self._listeners.lost:,} were refused")
        grown = processes.resident_bytes(processes.tree(self._stack.pid("live"))) - before
        print(f"{len(self._listeners):,} streams asked for in {opened:.1f} s, all open after {time.monotonic() - begin:.1f} s; ", end="")
        print(f"{grown / len(self._people) / 1024:.0f} KiB each")

    def _open(self, who: str) -> None:
        token = self._tokens.issue(User(who, "Bench", "bench@example.org", [Role.FAN], datetime.now(UTC)))
        self._listeners.open(f"/live?inbox=1&drop={self.drop.id}", token)

    def start(self) -> None:
        """The drop starts: everybody's state changes, and everybody is told."""
        starts_at = datetime.now(UTC) + timedelta(seconds=4)
        self._products.change_drop(drop_id=self.drop.id, expected_version=self.drop.version, change=DropChange(starts_at=starts_at))
        self._note("state", "LIVE", starts_at.timestamp())
        self._note("notification", "DROP_STARTED", starts_at.timestamp())

    def buy(self, quantity: int = 1) -> Order:
        wish = PlaceOrder(self.drop.id, str(uuid.uuid4()), min(quantity, 1000), uuid.uuid4().hex)
        deadline = time.monotonic() + RESOLD_WITHIN_S
        while True:
            try:
                return self._orders.place_order(request=wish)
            except SoldOut:  # units that came back are sold a moment later
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def change_stocks(self, rounds: int) -> None:
        """One unit after the other is sold."""
        pids = processes.tree(self._stack.pid("live"))
        before = sum(map(_cpu_s, pids))
        for _ in range(rounds):
            self.buy()
            version, at = self._last_change()
            heard = self._listeners.wait_for(("stock", version), len(self._people), HEARD_WITHIN_S)
            self._count("stock", at, heard)
        used_s = (sum(map(_cpu_s, pids)) - before) / rounds / len(self._people)
        print(f"{1e6 * used_s:.0f} us of the live unit's CPU for each client that is told a stock, all else in it")

    def sell_out(self) -> None:
        """All that is left is sold, and some of it comes back: the state changes twice."""
        while (left := self._orders.get_stock(drop_id=self.drop.id).available) > 1000:
            self.buy(1000)
        time.sleep(PAUSE_S)
        last = self.buy(left)
        _, at = self._last_change()
        self._note("state", "SOLD_OUT", at)
        self._orders.cancel_order(order_id=last.id, reason="bench")
        _, at = self._last_change()
        self._note("state", "LIVE", at)

    def tell_each(self) -> None:
        """Everybody buys, and is told of their own order: a note for each."""
        since = time.time()
        wishes = [PlaceOrder(self.drop.id, who, 1, uuid.uuid4().hex) for who in self._people]
        for start in range(0, len(wishes), 200):
            self._orders.place_many(requests=wishes[start : start + 200])
        took = time.time() - since
        deadline = time.monotonic() + HEARD_WITHIN_S
        while len(heard := self._notes_of_orders(since)) < len(wishes) and time.monotonic() < deadline:
            time.sleep(0.2)
        print(f"each their own: {len(wishes):,} orders in {took:.1f} s, heard of after {percentiles(heard)}")

    def _notes_of_orders(self, since: float) -> list[float]:
        """How long after each order its buyer heard of it."""
        found = [(key[1], times[0]) for key, times in list(self._listeners.heard.items()) if key[0] == "notification"]
        return [at - datetime.fromisoformat(mark[2]).timestamp() for mark, at in found if mark[0] == "ORDER_CONFIRMED" and at > since]

    def burst(self, seconds: float) -> None:
        """As many orders as one after the other make: everybody ends on the last stock."""
        begin, sold = time.monotonic(), 0
        while time.monotonic() - begin < seconds:
            self._orders.place_many(requests=[PlaceOrder(self.drop.id, str(uuid.uuid4()), 1, uuid.uuid4().hex) for _ in range(20)])
            sold += 20
        version, at = self._last_change()
        heard = self._listeners.wait_for(("stock", version), len(self._people), HEARD_WITHIN_S)
        told = sum(1 for name, _ in list(self._listeners.heard) if name == "stock")
        print(f"burst: {sold:,} orders in {seconds:.0f} s, {told:,} stocks told since the beginning; ", end="")
        print(f"the last one: {percentiles([one - at for one in heard])}")

    def _note(self, name: str, mark: str, at: float) -> None:
        """Wait for the event of this kind that comes after the cause."""
        deadline = time.monotonic() + HEARD_WITHIN_S + max(0.0, at - time.time())
        while time.monotonic() < deadline:
            keys = [
                key for key, times in list(self._listeners.heard.items()) if key[0] == name and key[1][0] == mark and times[0] >= at - 0.05
            ]
            if keys:
                self._count(name, at, self._listeners.wait_for(keys[0], len(self._people), HEARD_WITHIN_S))
                return
            time.sleep(0.02)
        raise SystemExit(f"nobody heard of {mark}")

    def _count(self, name: str, at: float, heard: list[float]) -> None:
        if len(heard) < len(self._people):
            print(f"  {name}: only {len(heard):,} heard it")
        self.delays_s[name] += [one - at for one in heard]
        time.sleep(PAUSE_S)

    def _last_change(self) -> tuple[int, float]:
        """Version and time of the stock's last change, as the audit log has it."""
        connection = psycopg2.connect(self._stack.environment("orders")["LIVEDROPS_ORDERS_POSTGRES_URL"])
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute("select version, at from stock_audit where drop_id = %s order by version desc limit 1", (self.drop.id,))
                row: Any = cursor.fetchone()
                return row[0], row[1].timestamp()
        finally:
            connection.close()

    def report(self) -> bool:
        """Whether all goals are reached."""
        met = True
        for name, delays_s in self.delays_s.items():
            late = sorted(delays_s)[int(len(delays_s) * 0.99)] if delays_s else float("inf")
            met = met and late <= GOAL_S[name]
            print(
                f"{name:13} {percentiles(delays_s)}; goal p99 {1000 * GOAL_S[name]:,.0f} ms {'met' if late <= GOAL_S[name] else 'MISSED'}"
            )
        print(f"lost connections: {self._listeners.lost}")
        return met and not self._listeners.lost

    def close(self) -> None:
        self._listeners.close()


def _cpu_s(pid: int) -> float:
    """What a process has used so far (proc(5): utime and stime are the 14th and 15th field)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clients", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=20, help="how often a stock is changed; a state a quarter as often")
    options = parser.parse_args()
    os.environ.update(SETTINGS)
    stack = Stack.of_profile("test")
    stack.up(progress=print)
    metrics = Metrics()
    rpc = RpcClient(stack.environment("operations")["LIVEDROPS_BROKER_URL"], "bench", metrics)
    rpc.start()
    if not rpc.wait_open(10):
        raise SystemExit("the broker can't be reached")
    bench = Bench(stack, rpc, options.clients)
    try:
        bench.gather()
        bench.start()
        bench.change_stocks(options.rounds)
        bench.burst(5.0)
        bench.tell_each()
        for _ in range(max(1, options.rounds // 4)):
            bench.sell_out()
        return 0 if bench.report() else 1
    finally:
        bench.close()
        rpc.stop()
        metrics.stop()


if __name__ == "__main__":
    sys.exit(main())
