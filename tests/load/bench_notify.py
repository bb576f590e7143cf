"""Thousands of people watch through the ingress: how soon after its cause does each of them see what happened? make bench-notify

    python -m tests.load.bench_notify [--clients 5000] [--followers 1000000] [--rounds 20] [--buyers 100]

Brings up the test stack. Some followers of a celebrity (of a million, loaded as bench_follows does; they stay for the next run) read their inbox and
watch two drops. One of them is a sale that they buy in: its start, low stock, its end and each buyer's own order. The other one, whose creator nobody
follows, is changed by itself, once nothing is pushed any more. Measured from the time that the cause has in the store (of a stock: its
audit row's, which is a moment before the commit) to the time that a client has read it. Goals: stock and state within 250 ms, notifications
within 2 s, for 99 of 100 clients.
"""

import argparse
import json
import os
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg2

from cli.addresses import Addresses
from cli.commands.fan_outs import UNDER_WAY
from cli.commands.load_graph import graph_store
from cli.services import rpc_client
from gateway.tokens import Tokens
from services.contracts.errors import SoldOut
from services.contracts.notifications import Notifications
from services.contracts.orders import Order, Orders, PlaceOrder
from services.contracts.products import Drop, DropChange, NewDrop, NewProduct, Products
from services.contracts.users import Role, User, Users
from services.contracts.values import Money
from services.kernel.rpc_client import RpcClient
from stack import processes
from stack.api import Stack
from tests.load.bench_follows import EDGES_PER_USER, Size, follower_ids, load_graph
from tests.load.bench_orders import MUTATION, RULES, graphql_request
from tests.load.generator import Stampede, StopWhen, start
from tests.load.listeners import Listeners, percentiles

KINDS = ("DROP_STARTED", "DROP_LOW_STOCK", "DROP_SOLD_OUT", "ORDER_CONFIRMED")
GOAL_S = {"stock": 0.25, "state": 0.25, **dict.fromkeys(KINDS, 2.0)}
STOCK = 20_000
SALE_UNITS = 4_000
# Of each buyer in the sale, between an answer and the next wish: some hundred orders a second, a busy shop and no stampede.
THINK_MS = 150
SALE_S = 60.0
SETTINGS = {
    "LIVEDROPS_LIVE_CONNECTIONS_PER_ADDRESS": "100000",
    "LIVEDROPS_ADDRESS_POINTS_PER_S": "100000",
    "LIVEDROPS_ADDRESS_POINTS_BURST": "100000",
}
# Between two causes: each is measured alone.
PAUSE_S = 0.4
# What some thousand orders send to everybody else has arrived by then.
SETTLED_S = 5.0
HEARD_WITHIN_S = 30.0
RESOLD_WITHIN_S = 5.0
PUSHED_WITHIN_S = 900.0


class Bench:
    def __init__(self, stack: Stack, rpc: RpcClient, creator_id: str, people: list[str]) -> None:
        self._stack = stack
        self._orders = rpc.service("orders", Orders)
        self._notifications = rpc.service("notifications", Notifications)
        self._products = rpc.service("products", Products)
        self._tokens = Tokens(stack.environment("gateway")["LIVEDROPS_JWT_KEY"], "livedrops", 7200)
        self._people = people
        self._listeners = Listeners(stack.address("ingress"))
        self._books = psycopg2.connect(stack.environment("orders")["LIVEDROPS_ORDERS_POSTGRES_URL"])
        self.drop, self.sale = self._announce(STOCK, str(uuid.uuid4())), self._announce(SALE_UNITS, creator_id)
        self.delays_s: dict[str, list[float]] = {name: [] for name in GOAL_S}
        self.missed = 0

    def _announce(self, units: int, creator_id: str) -> Drop:
        """A drop that starts in an hour, or when the bench says so."""
        now = datetime.now(UTC)
        product = NewProduct(name="A shirt", price=Money(4900, "EUR"))
        made = self._products.create_product(product_id=str(uuid.uuid4()), creator_id=creator_id, product=product)
        window = NewDrop(starts_at=now + timedelta(hours=1), ends_at=now + timedelta(hours=5), stock=units)
        return self._products.schedule_drop(drop_id=str(uuid.uuid4()), product_id=made.id, drop=window)

    def gather(self) -> None:
        """Everybody opens a stream."""
        before = processes.resident_bytes(processes.tree(self._stack.pid("live")))
        begin = time.monotonic()
        for who in self._people:
            self._listeners.open(f"/live?inbox=1&drop={self.drop.id}&drop={self.sale.id}", self._token(who))
        opened = time.monotonic() - begin
        if len(self._listeners.wait_for(("hello", None), len(self._people), 120)) < len(self._people):
            raise SystemExit(f"only {self._listeners.greeted():,} streams were opened, {self._listeners.lost:,} were refused")
        grown = processes.resident_bytes(processes.tree(self._stack.pid("live"))) - before
        print(f"{len(self._listeners):,} streams asked for in {opened:.1f} s, all open after {time.monotonic() - begin:.1f} s; ", end="")
        print(f"{grown / len(self._people) / 1024:.0f} KiB each")

    def _token(self, who: str) -> str:
        return self._tokens.issue(User(who, "Bench", "bench@example.org", [Role.FAN], datetime.now(UTC)))

    def sell(self, buyers: int) -> None:
        """The sale, from its start until all is sold and every buyer has heard of their orders."""
        self._begin(self.sale)
        body = {"query": MUTATION, "variables": {"i": {"dropId": self.sale.id, "quantity": 1, "idempotencyKey": "{key}"}}}
        crowd = Stampede(
            port=int(self._stack.address("ingress").rpartition(":")[2]),
            request=graphql_request(json.dumps(body), "Authorization: Bearer {token}\r\n"),
            connections=buyers,
            tokens=tuple(self._token(who) for who in self._people[:buyers]),
            rules=RULES,
            duration_s=SALE_S,
            think_ms=THINK_MS,
            honour_retry_after=True,
            stop_when=StopWhen("sold_out", buyers),
        )
        with start(crowd) as running:
            report = running.result()
        accepted = report.classes["accepted"]
        print(
            f"the sale: {accepted.count:,} orders, {accepted.per_second_active:,.0f} a second, p95 {accepted.latency_ms.p95:.0f} ms",
            flush=True,
        )
        self._hear_of(accepted.count)

    def _hear_of(self, orders: int) -> None:
        """Wait until all have heard what the sale had to tell them, and count how late it was."""
        expected = {**dict.fromkeys(KINDS, len(self._people)), "ORDER_CONFIRMED": orders}
        deadline = time.monotonic() + HEARD_WITHIN_S
        while (heard := self._notices()) != expected and time.monotonic() < deadline:
            time.sleep(0.2)
        for mark, times in list(self._listeners.heard["notification"].items()):
            if mark[0] in KINDS:
                at = datetime.fromisoformat(mark[2]).timestamp()
                self.delays_s[mark[0]] += [one - at for one in times]
        self.missed += sum(abs(expected[kind] - heard[kind]) for kind in KINDS)

    def _notices(self) -> dict[str, int]:
        """How often each kind was heard."""
        found = dict.fromkeys(KINDS, 0)
        for mark, times in list(self._listeners.heard["notification"].items()):
            if mark[0] in found:
                found[mark[0]] += len(times)
        return found

    def start(self) -> None:
        """The drop starts: everybody's state changes."""
        self._note("LIVE", self._begin(self.drop))

    def _begin(self, drop: Drop) -> float:
        """It starts in some seconds: when."""
        starts_at = datetime.now(UTC) + timedelta(seconds=4)
        self._products.change_drop(drop_id=drop.id, expected_version=drop.version, change=DropChange(starts_at=starts_at))
        return starts_at.timestamp()

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
        before = {name: _cpu_s_of(self._stack, name) for name in ("live", "ingress")}
        for _ in range(rounds):
            self.buy()
            version, at = self._last_change()
            heard = self._listeners.wait_for(("stock", (self.drop.id, version)), len(self._people), HEARD_WITHIN_S)
            self._count("stock", at, heard)
        used_us = {name: 1e6 * (_cpu_s_of(self._stack, name) - begin) / rounds / len(self._people) for name, begin in before.items()}
        print("CPU for each client that is told a stock, all else in it: ", end="")
        print(", ".join(f"{name} {each:.0f} us" for name, each in used_us.items()))

    def sell_out(self) -> None:
        """All that is left is sold, and some of it comes back: the state changes twice."""
        while (left := self._orders.get_stock(drop_id=self.drop.id).available) > 1000:
            self.buy(1000)
        time.sleep(PAUSE_S)
        last = self.buy(left)
        _, at = self._last_change()
        self._note("SOLD_OUT", at)
        self._orders.cancel_order(order_id=last.id, reason="bench")
        _, at = self._last_change()
        self._note("LIVE", at)

    def burst(self, seconds: float) -> None:
        """As many orders as one after the other make: everybody ends on the last stock."""
        begin, sold = time.monotonic(), 0
        while time.monotonic() - begin < seconds:
            self._orders.place_many(requests=[PlaceOrder(self.drop.id, str(uuid.uuid4()), 1, uuid.uuid4().hex) for _ in range(20)])
            sold += 20
        version, at = self._last_change()
        heard = self._listeners.wait_for(("stock", (self.drop.id, version)), len(self._people), HEARD_WITHIN_S)
        told = len(self._listeners.heard["stock"])
        print(f"burst: {sold:,} orders in {seconds:.0f} s, {told:,} stocks told since the beginning; ", end="")
        print(f"the last one: {percentiles([one - at for one in heard])}", flush=True)
        time.sleep(SETTLED_S)

    def _note(self, state: str, at: float) -> None:
        """Wait for the state that comes after the cause."""
        deadline = time.monotonic() + HEARD_WITHIN_S + max(0.0, at - time.time())
        while time.monotonic() < deadline:
            for mark, times in list(self._listeners.heard["state"].items()):
                if times and mark[:2] == (self.drop.id, state) and times[0] >= at - 0.05:
                    self._count("state", at, self._listeners.wait_for(("state", mark), len(self._people), HEARD_WITHIN_S))
                    return
            time.sleep(0.02)
        raise SystemExit(f"nobody heard of {state}")

    def _count(self, name: str, at: float, heard: list[float]) -> None:
        if len(heard) < len(self._people):
            print(f"  {name}: only {len(heard):,} heard it")
            self.missed += len(self._people) - len(heard)
        self.delays_s[name] += [one - at for one in heard]
        time.sleep(PAUSE_S)

    def _last_change(self) -> tuple[int, float]:
        """Version and time of the stock's last change, as the audit log has it."""
        with self._books, self._books.cursor() as cursor:
            cursor.execute("select version, at from stock_audit where drop_id = %s order by version desc limit 1", (self.drop.id,))
            row: Any = cursor.fetchone()
            return row[0], row[1].timestamp()

    def wait_for_fan_outs(self) -> None:
        """Until nobody is being pushed to any more: a broadcast sends its workers through all followers, for a minute or more."""
        begin = time.monotonic()
        while under_way := sum(one.state in UNDER_WAY for one in self._notifications.list_fan_outs(first=100)):
            if time.monotonic() - begin > PUSHED_WITHIN_S:
                raise SystemExit(f"{under_way} fan-outs do not end")
            time.sleep(1.0)
        print(f"its fan-outs took {time.monotonic() - begin:.0f} s more", flush=True)

    def report(self) -> bool:
        """Whether all goals are reached."""
        met = True
        for name, delays_s in self.delays_s.items():
            late = sorted(delays_s)[int(len(delays_s) * 0.99)] if delays_s else float("inf")
            met = met and late <= GOAL_S[name]
            print(
                f"{name:15} {percentiles(delays_s)}; goal p99 {1000 * GOAL_S[name]:,.0f} ms {'met' if late <= GOAL_S[name] else 'MISSED'}"
            )
        print(f"lost connections: {self._listeners.lost}; not heard, or more than once: {self.missed}")
        return met and not self._listeners.lost and not self.missed

    def close(self) -> None:
        self._listeners.close()
        self._books.close()


def _cpu_s_of(stack: Stack, name: str) -> float:
    return sum(map(_cpu_s, processes.tree(stack.pid(name))))


def _cpu_s(pid: int) -> float:
    """What a process has used so far (proc(5): utime and stime are the 14th and 15th field)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clients", type=int, default=5_000, help="who are connected (default 5,000)")
    parser.add_argument("--followers", type=int, default=1_000_000, help="of the celebrity (default 1,000,000)")
    parser.add_argument("--users", type=int, default=100_000, help="who follow each other beside them (default 100,000)")
    parser.add_argument("--buyers", type=int, default=100, help="of those who are connected (default 100)")
    parser.add_argument("--rounds", type=int, default=20, help="how often a stock is changed, and a state (default 20)")
    asked = parser.parse_args()
    os.environ.update(SETTINGS)
    size = Size(asked.users, asked.followers, 2 * EDGES_PER_USER, 1, 1.0)
    stack, addresses = Stack.of_profile("test"), Addresses("test")
    stack.up(progress=lambda line: print(line, flush=True))
    try:
        with graph_store(addresses) as store:
            load_graph(addresses, store, size)
        with rpc_client(addresses) as client:
            followers = follower_ids(client.service("users", Users), size.celebrity)
            bench = Bench(stack, client, size.celebrity, list(islice(followers, asked.clients)))
            try:
                return 0 if measured(bench, asked.rounds, asked.buyers) else 1
            finally:
                bench.close()
    finally:
        stack.down()


def measured(bench: Bench, rounds: int, buyers: int) -> bool:
    """Whether all goals are reached."""
    bench.gather()
    bench.sell(buyers)
    bench.start()
    bench.wait_for_fan_outs()
    bench.change_stocks(rounds)
    bench.burst(5.0)
    for _ in range(max(1, rounds // 2)):
        bench.sell_out()
    return bench.report()


if __name__ == "__main__":
    sys.exit(main())
