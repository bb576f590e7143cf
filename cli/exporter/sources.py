"""Where the exporter's metrics come from. Each source is asked for all it has, and raises where it can't be had."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import psycopg2
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from pymongo import MongoClient

from cli import queues
from cli.broker import connected
from monitoring.probing import Probed, read_units

Source = Callable[[], Iterator[Metric]]
# A process that takes longer to say that it is ready is not.
READY_DEADLINE_S = 2.0
STORE_DEADLINE_S = 3
# Where the reader of users' changes keeps its place (services/users/cdc.py), and the time of the last change before it.
CAPTURE_LEASE = "users-capture"
# Some dozens of processes, asked side by side.
PROBES_AT_ONCE = 8
# Rows are gone within half a second; beyond this many, how many more does not matter.
MOST_OUTBOX_ROWS = 10_000
_OUTBOX = """
select count(*), coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)
from (select created_at from outbox order by id limit %s) as oldest
"""


def units(file: Path) -> Source:
    """Whether each process of a list, read anew at every look, is ready."""
    opener = build_opener(ProxyHandler({}))

    def is_ready(probed: Probed) -> bool:
        try:
            with opener.open(probed.url, timeout=READY_DEADLINE_S) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError, ValueError):
            return False

    def collect() -> Iterator[Metric]:
        listed = read_units(file.read_bytes())
        with ThreadPoolExecutor(PROBES_AT_ONCE) as pool:
            found = list(pool.map(is_ready, listed))
        ready = GaugeMetricFamily("livedrops_unit_ready", "Whether a process can do its work.", labels=("unit", "process"))
        for probed, well in zip(listed, found, strict=True):
            ready.add_metric((probed.unit, probed.process), float(well))
        yield ready

    return collect


def broker(url: str) -> Source:
    """What waits for each consumer, how long the first has waited, and what was given up."""

    def collect() -> Iterator[Metric]:
        with connected(url) as connection:
            states, delays = queues.states(connection, looks_at_retries=False), queues.delays(connection)
        waiting = GaugeMetricFamily("livedrops_queue_messages", "Messages that wait for a consumer.", labels=("queue",))
        oldest = GaugeMetricFamily(
            "livedrops_queue_oldest_seconds", "Since the event of the first that waits; 0 where none does.", labels=("queue",)
        )
        dead = GaugeMetricFamily("livedrops_dead_letters", "Messages that a consumer gave up.", labels=("queue",))
        delayed = GaugeMetricFamily("livedrops_delayed_messages", "Messages that wait for another try.", labels=("after",))
        for state in states:
            waiting.add_metric((state.consumer,), state.waiting or 0)
            oldest.add_metric((state.consumer,), state.oldest_s or 0)
            dead.add_metric((state.consumer,), state.dead or 0)
        for seconds, count in delays.items():
            delayed.add_metric((f"{seconds}s",), count or 0)
        yield from (waiting, oldest, dead, delayed)

    return collect


def outbox(context: str, url: str) -> Source:
    """What a context has not told yet of what happened. Keeps its connection; one that fails is made anew at the next look."""
    held: list[Any] = []

    def row() -> Sequence[Any]:
        if not held:
            options = f"-c statement_timeout={STORE_DEADLINE_S * 1000}"
            held.append(psycopg2.connect(url, connect_timeout=STORE_DEADLINE_S, options=options, application_name="livedrops exporter"))
            held[0].autocommit = True
        try:
            with held[0].cursor() as cursor:
                cursor.execute(_OUTBOX, (MOST_OUTBOX_ROWS,))
                found: Sequence[Any] = cursor.fetchone()
                return found
        except psycopg2.Error:
            held.pop().close()
            raise

    def collect() -> Iterator[Metric]:
        rows, oldest_s = row()
        yield _one("livedrops_outbox_rows", "Transactions whose events are not told yet.", rows, context=context)
        yield _one(
            "livedrops_outbox_oldest_seconds", "Since the first of them; 0 where there is none.", max(0.0, oldest_s), context=context
        )

    return collect


def mongo(url: str, database: str) -> Source:
    """How MongoDB is, by whichever member answers: that there is no primary must be told as well. Debian's exporter speaks a protocol that
    MongoDB has given up.

    database: that of users, whose reader of changes keeps its place there.
    """
    client: MongoClient[dict[str, Any]] = MongoClient(
        url,
        readPreference="primaryPreferred",
        serverSelectionTimeoutMS=STORE_DEADLINE_S * 1000,
        connectTimeoutMS=STORE_DEADLINE_S * 1000,
        socketTimeoutMS=STORE_DEADLINE_S * 1000,
    )

    def ask(command: str) -> dict[str, Any]:
        # A command goes to the primary, whatever the client prefers.
        return client.admin.command(command, read_preference=client.read_preference)

    def collect() -> Iterator[Metric]:
        status = ask("serverStatus")
        yield _one("livedrops_mongo_connections", "Clients that are connected.", status["connections"]["current"])
        yield _one("livedrops_mongo_resident_bytes", "Memory of the server.", status["mem"]["resident"] * 2**20)
        yield _one(
            "livedrops_mongo_cache_bytes", "Of it, the cache of its engine.", status["wiredTiger"]["cache"]["bytes currently in the cache"]
        )
        operations = CounterMetricFamily("livedrops_mongo_operations", "What it was asked for.", labels=("type",))
        for kind, count in status["opcounters"].items():
            if isinstance(count, int):
                operations.add_metric((kind,), count)
        yield operations
        members = ask("replSetGetStatus")["members"]
        yield _one("livedrops_mongo_primary", "Whether there is a primary.", float(any(one["stateStr"] == "PRIMARY" for one in members)))
        yield _one("livedrops_mongo_replication_lag_seconds", "Of the secondary that is furthest behind.", _lag_s(members))
        kept = client[database]["leases"].find_one({"_id": CAPTURE_LEASE}, {"at": 1}, comment="exporter.capture") or {}
        if at := kept.get("at"):
            behind_s = (status["localTime"] - at).total_seconds()
            yield _one("livedrops_capture_behind_seconds", "Since the last change of follows that is taken in.", max(0.0, behind_s))

    return collect


def _lag_s(members: Sequence[dict[str, Any]]) -> float:
    places: dict[str, list[datetime]] = {}
    for one in members:
        places.setdefault(one["stateStr"], []).append(one["optimeDate"])
    if "PRIMARY" not in places or "SECONDARY" not in places:
        return 0.0
    return max(0.0, (max(places["PRIMARY"]) - min(places["SECONDARY"])).total_seconds())


def _one(name: str, text: str, value: float, **labels: str) -> Metric:
    family = GaugeMetricFamily(name, text, labels=tuple(labels))
    family.add_metric(tuple(labels.values()), float(value))
    return family
