"""Measure the sale from end to end: python -m tests.load.bench_orders (make bench-orders)

50, 500 and 5,000 buyers at once through the ingress and GraphQL, on one hot drop of 2,000 units and on one with stock to spare,
with everything on (JWT, rate limits, audit, outbox, relay, views, reconciler). In the same run, on the same PostgreSQL with fsync
on, pgbench: one statement a transaction on one hot row, 32 connections. The machine is shared, so what counts are ratios within
one run. Prints a table, writes tests/load/results/orders.json, and exits with 1 where the books do not balance.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg2

from gateway.tokens import Tokens
from services.contracts.orders import OpenStock, Orders, Stock
from services.contracts.users import Role, User
from services.contracts.values import Money
from services.kernel.metrics import Metrics
from services.kernel.rpc_client import RpcClient
from stack.api import Stack
from stack.binaries import find
from tests.load.generator import ClassReport, Report, Rule, Stampede, start

RESULTS = Path(__file__).with_name("results")
HOT_UNITS = 2_000
SPARE_UNITS = 10_000_000
PGBENCH_CLIENTS = 32
TOKEN_LIFE_S = 3_600
# The limits stay on; they are only wide enough for a crowd that comes from one address and never pauses.
SETTINGS = {
    "LIVEDROPS_ADDRESS_POINTS_PER_S": "1000000",
    "LIVEDROPS_ADDRESS_POINTS_BURST": "1000000",
    "LIVEDROPS_PERSON_POINTS_PER_S": "10000",
    "LIVEDROPS_PERSON_POINTS_BURST": "20000",
}
MUTATION = "mutation P($i:PlaceOrderInput!){placeOrder(input:$i){order{id quantity status} userErrors{code}}}"
QUERY = "query D($id:ID!){drop(id:$id){name state stock{total available sold version}}}"
RULES = (
    Rule("accepted", 200, '"status":"CONFIRMED"'),
    Rule("sold_out", 200, '"SOLD_OUT"'),
    Rule("refused", 503),
    Rule("limited", 429),
)
_HOT_ROW = """
\\set user random(1, 1000000)
with sold as (
  update bench_stock set available = available - 1, sold = sold + 1, version = version + 1
  where drop_id = 1 and available >= 1 returning drop_id, version
)
insert into bench_orders (drop_id, user_id, key) select drop_id, :user, version::text from sold;
"""


class Row(msgspec.Struct, frozen=True):
    """One scenario. problems: what is wrong with the books afterwards."""

    buyers: int
    drop: str
    report: Report
    reads: Report | None
    problems: list[str]


class Bench:
    def __init__(self, stack: Stack, seconds: float) -> None:
        self._stack = stack
        self._seconds = seconds
        self._port = int(stack.address("ingress").rpartition(":")[2])
        self._url = stack.environment("orders")["LIVEDROPS_ORDERS_POSTGRES_URL"]
        key = stack.environment("gateway")["LIVEDROPS_JWT_KEY"]
        self._tokens = Tokens(key, "livedrops", TOKEN_LIFE_S)
        self._metrics = Metrics()
        self._rpc = RpcClient(stack.environment("operations")["LIVEDROPS_BROKER_URL"], "bench", self._metrics)
        self._rpc.start()
        self._rpc.wait_open(10)
        self._orders = self._rpc.service("orders", Orders)

    def close(self) -> None:
        self._rpc.stop()
        self._metrics.stop()

    def pgbench(self) -> float:
        """Transactions a second on one hot row, with fsync and synchronous_commit on."""
        postgres = find("postgres")
        assert postgres is not None
        self._sql(
            "drop table if exists bench_stock, bench_orders;"
            "create table bench_stock (drop_id int primary key, available int, sold int, version int);"
            "create table bench_orders (id bigserial primary key, drop_id int, user_id int, key text);"
            "insert into bench_stock values (1, 1000000000, 0, 0)"
        )
        assert self._sql("select current_setting('fsync'), current_setting('synchronous_commit')") == [("on", "on")]
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
            script.write(_HOT_ROW)
            script.flush()
            program = str(postgres.with_name("pgbench"))
            clients = ["-c", str(PGBENCH_CLIENTS), "-j", "2", "-T", str(int(self._seconds))]
            command = [program, "-n", *clients, "-f", script.name, self._url]
            told = subprocess.run(command, capture_output=True, text=True, timeout=self._seconds + 60, check=True).stdout
        self._sql("drop table bench_stock, bench_orders")
        found = re.search(r"tps = ([\d.]+)", told)
        assert found, told
        return float(found.group(1))

    def sale(self, buyers: int, units: int, with_reader: bool) -> Row:
        """One crowd on one drop."""
        drop = self._open(units)
        body = {"query": MUTATION, "variables": {"i": {"dropId": drop.drop_id, "quantity": 1, "idempotencyKey": "{key}"}}}
        crowd = Stampede(
            port=self._port,
            request=graphql_request(json.dumps(body), "Authorization: Bearer {token}\r\n"),
            connections=buyers,
            tokens=self._people(buyers),
            rules=RULES,
            duration_s=self._seconds,
            honour_retry_after=True,
        )
        with self._reader(drop, with_reader) as reader, start(crowd) as running:
            report = running.result()
            reads = reader.result() if reader else None
        return Row(buyers, "hot" if units == HOT_UNITS else "to spare", report, reads, self._check(drop, report))

    @contextmanager
    def _reader(self, drop: Stock, wanted: bool) -> Iterator[Any]:
        if not wanted:
            yield None
            return
        body = json.dumps({"query": QUERY, "variables": {"id": drop.drop_id}})
        rules = (Rule("read", 200, '"version"'),)
        spec = Stampede(
            port=self._port, request=graphql_request(body, ""), connections=4, rules=rules, duration_s=self._seconds, think_ms=20
        )
        with start(spec) as running:
            yield running

    def _open(self, units: int) -> Stock:
        now = datetime.now(UTC)
        window = (now - timedelta(minutes=1), now + timedelta(hours=2))
        return self._orders.open_stock(stock=OpenStock(str(uuid.uuid4()), str(uuid.uuid4()), "A shirt", *window, units, Money(4900, "EUR")))

    def _people(self, count: int) -> tuple[str, ...]:
        now = datetime.now(UTC)
        return tuple(self._tokens.issue(User(str(uuid.uuid4()), "Buyer", "buyer@example.org", [Role.FAN], now)) for _ in range(count))

    def _check(self, drop: Stock, report: Report) -> list[str]:
        """What does not hold of the books after a sale."""
        total, available, held, sold = self._sql("select total, available, held, sold from stock where drop_id = %s", drop.drop_id)[0]
        counted, units = self._sql("select count(*), coalesce(sum(quantity), 0) from orders where drop_id = %s", drop.drop_id)[0]
        answered, open_ends = report.classes["accepted"].count, report.requests.unanswered + report.requests.abandoned
        problems = []
        if total != available + held + sold or units != sold or sold > drop.total:
            problems.append(f"total {total}, available {available}, held {held}, sold {sold}, units of orders {units}")
        if not answered <= counted <= answered + open_ends:
            problems.append(f"{answered} accepted answers and {open_ends} open ends, but {counted} orders")
        return problems

    def _sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self._url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


def graphql_request(body: str, headers: str) -> str:
    """For the load generator."""
    return f"POST /graphql HTTP/1.1\r\nHost: livedrops\r\n{headers}Content-Type: application/json\r\n\r\n{body}"


def _line(row: Row, name: str, seen: ClassReport) -> str:
    latency = seen.latency_ms
    times = f"{latency.p50:8.1f} {latency.p95:8.1f} {latency.p99:8.1f} {latency.max:8.1f}"
    return f"{row.buyers:7,} {row.drop:9} {name:9} {seen.count:9,} {seen.per_second_active:9,.0f} {times} {row.report.cpu.share_of_machine:9.1%}"


def _print(rows: list[Row], pgbench: list[float]) -> None:
    print(
        f"\n{'buyers':>7} {'drop':9} {'answer':9} {'count':>9} {'a second':>9} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'max ms':>8} {'generator':>9}"
    )
    for row in rows:
        for name, seen in row.report.classes.items():
            if seen.count:
                print(_line(row, name, seen))
        if row.reads:
            print(_line(row, "read", row.reads.classes["read"]))
        for problem in row.problems:
            print(f"        THE BOOKS DO NOT BALANCE: {problem}")
    reference = sum(pgbench) / len(pgbench)
    print(
        f"\npgbench, one hot row, {PGBENCH_CLIENTS} connections: {', '.join(f'{tps:,.0f}' for tps in pgbench)} transactions a second (before, after)"
    )
    accepted = next(row.report.classes["accepted"].per_second_active for row in rows if row.drop == "to spare")
    print(f"orders a second at {rows[0].buyers} buyers, stock to spare: {accepted:,.0f} = {accepted / reference:.2f} of pgbench")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--buyers", type=int, nargs="+", default=[50, 500, 5_000])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each scenario (default 10)")
    options = parser.parse_args()
    os.environ.update(SETTINGS)
    stack = Stack.of_profile("test")
    stack.up(progress=lambda line: print(line, flush=True))
    bench = Bench(stack, options.seconds)
    try:
        pgbench = [bench.pgbench()]
        rows = []
        for buyers in options.buyers:
            for units in (HOT_UNITS, SPARE_UNITS):
                print(f"{buyers:,} buyers, {units:,} units ...", flush=True)
                rows.append(bench.sale(buyers, units, with_reader=buyers >= 1_000))
        pgbench.append(bench.pgbench())
    finally:
        bench.close()
        stack.down()
    _print(rows, pgbench)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "orders.json").write_bytes(msgspec.json.format(msgspec.json.encode({"pgbench": pgbench, "rows": rows}), indent=1))
    return 1 if any(row.problems for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
