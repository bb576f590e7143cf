"""Alerts fire by their real causes, and end with them. Only with --long: each takes its time.

All but one: MemoryShort would need a machine without memory, which does harm to whatever else runs on it. It is left to promtool's tests
(monitoring/tests/stores.yml), as are tickets of promises, which look back on days, and pages of a disk.
"""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from monitoring.alerts import all_alerts
from services.contracts.orders import Stock
from services.kernel.rpc_client import RpcClient
from stack.api import Stack
from tests.chaos import causes_of_flows as flows
from tests.chaos import causes_of_sales as sales
from tests.chaos import causes_of_servers as servers
from tests.chaos.causes_of_sales import Cause, stopping, together
from tests.chaos.scene import Scene
from tests.conftest import Person, eventually
from tests.watching import Watched
from tests.watching import watched as watching

# Five minutes are nine seconds: one look of Prometheus a second, and an hour of looking back is not two minutes.
PACE = "0.03"
# Some causes must be old before they are alarming, at any pace: a minute for a queue, and for a reader that says nothing any more.
FIRE_WITHIN_S = 120
# What looks back on an hour.
END_WITHIN_S = 200
LEFT_TO_PROMTOOL = {"MemoryShort"}
# Their tickets look back on hours, which are minutes here.
PAGES_ONLY = ("OrdersTooSlow", "ReadsTooSlow", "RequestsFail")


class Case(NamedTuple):
    cause: Cause
    alerts: tuple[str, ...]


CASES: dict[str, Case] = {
    "the search stops": Case(stopping("search"), ("UnitNotReady",)),
    "the ingress stops": Case(stopping("ingress"), ("IngressAway",)),
    "media stops": Case(stopping("media"), ("NothingBehindIngress",)),
    "a book is falsified": Case(sales.falsified_book, ("BooksDoNotBalance",)),
    "the reconciler and the reader of changes stop": Case(
        stopping("orders-reconciler", "users-capture"), ("BooksNotChecked", "CaptureLags", "CaptureSilent")
    ),
    # Promises before others have left behind what was in time.
    "a sale begins at a locked row": Case(
        sales.sale_at_a_locked_row, ("OrdersTooSlow", "DropLockWaitsLong", "ConnectionsWaitLong", "RequestVolumeUnusual")
    ),
    "a sale goes on without PostgreSQL": Case(
        sales.sale_without_its_store, ("PostgresAway", "OrdersFail", "OrderFailuresUnusual", "WorkerRoundsFail")
    ),
    "readers meet a locked table": Case(sales.readers_at_a_locked_table, ("ReadsTooSlow",)),
    "readers find no service": Case(sales.readers_without_their_service, ("RequestsFail",)),
    "more orders come than are taken in": Case(sales.more_orders_than_are_taken_in, ("OrdersTurnedAway",)),
    "the cache holds nothing": Case(sales.cache_that_holds_nothing, ("CacheMissesRise",)),
    "orders are not told, and not taken": Case(sales.orders_that_nobody_tells_or_takes, ("OutboxTooOld", "QueueTooOld")),
    "a letter is no event, streams have no place, the clock wakes late": Case(
        together(flows.letter_that_is_no_event, sales.more_streams_than_places, sales.clock_that_wakes_late),
        ("DeadLetters", "StreamsFull", "DropStartsLate"),
    ),
    "notes come late": Case(flows.notes_that_come_late, ("NotificationsLate", "LiveLate")),
    "an endpoint refuses": Case(flows.endpoint_that_refuses, ("PushEndpointsFail",)),
    "a place is forgotten, and reports are taken by nobody": Case(
        together(flows.place_that_is_forgotten, flows.reports_that_nobody_takes), ("CapturePlaceLost", "SightingsLost")
    ),
    "a queue is emptied by nobody": Case(flows.queue_that_nobody_empties, ("QueueNearlyFull",)),
    "MongoDB stops with an event under way": Case(flows.held_events, ("MongoAway", "EventsFail")),
    "MongoDB has no primary": Case(servers.mongo_without_primary, ("MongoWithoutPrimary",)),
    "a secondary stands still": Case(servers.secondary_that_stands_still, ("MongoReplicationLags",)),
    "Redis and Elasticsearch stop": Case(stopping("redis", "elasticsearch"), ("RedisAway", "ElasticsearchAway")),
    "PostgreSQL's connections are taken": Case(servers.connections_that_others_took, ("PostgresConnectionsShort",)),
    "a disk is full": Case(servers.full_disk, ("DiskFillsUp",)),
    "the broker is short of memory and disk": Case(servers.broker_short_of_memory_and_disk, ("BrokerMemoryAlarm", "BrokerDiskAlarm")),
    "the broker stops": Case(stopping("rabbitmq"), ("BrokerAway", "MonitoringBlind")),
}


@pytest.fixture(scope="module")
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    if not request.config.getoption("--long"):
        pytest.skip("each alert takes its time: --long")
    with watching(request.getfixturevalue("stack"), PACE) as here:
        yield here


@pytest.fixture
def scene(
    stack: Stack,
    watched: Watched,
    operations: RpcClient,
    sql: Callable[..., list[tuple[Any, ...]]],
    person: Callable[..., Person],
    open_drop: Callable[..., Stock],
    address: str,
    tmp_path: Path,
) -> Scene:
    return Scene(stack, watched, operations, sql, person, open_drop, open_drop(100_000), address, tmp_path)


def test_every_alert_has_a_cause() -> None:
    assert {name for case in CASES.values() for name in case.alerts} | LEFT_TO_PROMTOOL == {alert.name for alert in all_alerts()}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CASES)
def test_alerts_fire_by_their_cause_and_end_with_it(name: str, scene: Scene, record_property: Callable[[str, object], None]) -> None:
    case = CASES[name]
    _wait_until_quiet(scene.watched, case.alerts)

    with case.cause(scene):
        fired = _wait_until_fired(scene.watched, case.alerts)
        beside = scene.watched.all_firing() - set(case.alerts)
    ended = _wait_until_quiet(scene.watched, case.alerts)

    for alert in case.alerts:
        record_property(alert, f"{fired[alert]:.0f} {ended.get(alert, 0):.0f}")
    record_property("beside", sorted(beside))


def _wait_until_fired(watched: Watched, alerts: Collection[str]) -> dict[str, float]:
    """After how many seconds each did for the first time."""
    began, found = time.monotonic(), dict[str, float]()

    def all_have() -> bool:
        found.update({name: time.monotonic() - began for name in alerts if name not in found and _fires(watched, name)})
        return len(found) == len(alerts)

    with _saying(lambda: f"did not fire: {set(alerts) - set(found)}"):
        eventually(all_have, FIRE_WITHIN_S, every_s=0.5)
    return found


def _wait_until_quiet(watched: Watched, alerts: Collection[str]) -> dict[str, float]:
    """Until none fires: after how many seconds each that did was over."""
    began, over, firing = time.monotonic(), dict[str, float](), set[str]()

    def none_does() -> bool:
        before, now = set(firing), {name for name in alerts if _fires(watched, name)}
        firing.clear()
        firing.update(now)
        over.update(dict.fromkeys(before - now, time.monotonic() - began))
        return not now

    with _saying(lambda: f"do not end: {firing}"):
        eventually(none_does, END_WITHIN_S, every_s=0.5)
    return over


@contextmanager
def _saying(what: Callable[[], str]) -> Iterator[None]:
    """What a deadline that passed was about."""
    try:
        yield
    except pytest.fail.Exception as error:
        raise AssertionError(what()) from error


def _fires(watched: Watched, name: str) -> bool:
    return any(labels["severity"] == "page" or name not in PAGES_ONLY for labels in watched.firing(name))
