"""Alerts fire by their real causes, and end with them. Only with --long: each takes its time.

What can't be caused here without harm to the machine (a full disk, no memory), only by hours of time (budgets of days, what is unusual against a past)
or by a server that the stack does not have (a secondary of MongoDB) is left to promtool's tests (monitoring/tests).
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pika
import psycopg2
import pytest

from services.contracts.orders import Orders, Stock
from services.contracts.users import Role
from services.kernel.topology import event_queue
from stack.api import Stack
from tests.chaos.disturbances import running_with
from tests.conftest import Person, eventually
from tests.integration.selling import Seller
from tests.integration.streams import Stream
from tests.watching import Watched
from tests.watching import watched as watching

# Some causes must be old before they are alarming, at any pace: a minute for a queue.
FIRES_WITHIN_S = 110
# Half an hour of earnest, the second short window of a budget, is two minutes here.
ENDS_WITHIN_S = 200
# Of requests, where a share of them is what is alarming.
AT_ONCE = 8


@pytest.fixture(scope="module")
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    if not request.config.getoption("--long"):
        pytest.skip("each alert takes its time: --long")
    with watching(request.getfixturevalue("stack")) as here:
        yield here


@dataclass
class Scene:
    """What causes are made with."""

    stack: Stack
    orders: Orders
    sql: Callable[..., list[tuple[Any, ...]]]
    person: Callable[..., Person]
    open_drop: Callable[..., Stock]
    address: str
    _drops: list[Stock] = field(default_factory=list)

    @property
    def drop(self) -> Stock:
        """One of many units, the same for a cause."""
        if not self._drops:
            self._drops.append(self.open_drop(100_000))
        return self._drops[0]

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        self.stack.stop(name)
        try:
            yield
        finally:
            self.stack.start(name)
            eventually(lambda: self.stack.is_ready(name), timeout_s=60)

    @contextmanager
    def crowd(self, act: Callable[[Person], Any]) -> Iterator[None]:
        """People who do something again and again; what they are answered is no matter."""
        over = threading.Event()

        def work() -> None:
            somebody = self.person()
            while not over.is_set():
                try:
                    act(somebody)
                except OSError:
                    over.wait(0.1)
                over.wait(0.02)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join(30)

    @contextmanager
    def row_held(self) -> Iterator[None]:
        """Somebody holds the drop's row for most of a second, again and again."""
        over, url = threading.Event(), self.stack.environment("orders")["LIVEDROPS_ORDERS_POSTGRES_URL"]

        def work() -> None:
            connection = psycopg2.connect(url)
            while not over.is_set():
                with connection, connection.cursor() as cursor:
                    cursor.execute("select 1 from stock where drop_id = %s for update", (self.drop.drop_id,))
                    over.wait(0.7)
                over.wait(0.05)
            connection.close()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(10)


Cause = Callable[[Scene], AbstractContextManager[Any]]


def stopping(*names: str) -> Cause:
    def cause(scene: Scene) -> AbstractContextManager[Any]:
        block = ExitStack()
        for name in names:
            block.enter_context(scene.stopped(name))
        return block

    return cause


def buying(somebody: Person, scene: Scene) -> None:
    somebody.buy(scene.drop.drop_id)


@contextmanager
def falsified(scene: Scene) -> Iterator[None]:
    drop = scene.drop.drop_id
    scene.sql("update stock set version = version + 1 where drop_id = %s", drop)
    try:
        yield
    finally:
        scene.sql("update stock set version = version - 1 where drop_id = %s", drop)


@contextmanager
def orders_without_answer(scene: Scene) -> Iterator[None]:
    with scene.stopped("postgres"), scene.crowd(lambda somebody: buying(somebody, scene)):
        yield


@contextmanager
def too_many_orders(scene: Scene) -> Iterator[None]:
    few = {"gateway": {"LIVEDROPS_ORDERS_IN_FLIGHT": "1"}}
    with running_with(scene.stack, few), scene.row_held(), scene.crowd(lambda somebody: buying(somebody, scene)):
        yield


@contextmanager
def slow_orders(scene: Scene) -> Iterator[None]:
    with scene.row_held(), scene.crowd(lambda somebody: buying(somebody, scene)):
        yield


@contextmanager
def failing_reads(scene: Scene) -> Iterator[None]:
    with scene.stopped("products"), scene.crowd(lambda somebody: somebody.get("/products")):
        yield


@contextmanager
def an_order_that_nobody_tells(scene: Scene) -> Iterator[None]:
    with scene.stopped("orders-relay"):
        scene.person().buy(scene.drop.drop_id)
        yield


@contextmanager
def an_event_that_nobody_takes(scene: Scene) -> Iterator[None]:
    with scene.stopped("orders-views"):
        scene.person().buy(scene.drop.drop_id)
        yield


@contextmanager
def notes_that_come_late(scene: Scene) -> Iterator[None]:
    """An order's note, written some seconds after it, again and again: the handler is stopped while they are placed."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            with scene.stopped("notifications-events"):
                scene.person().buy(scene.drop.drop_id)
                over.wait(4)
            over.wait(2)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(60)


@contextmanager
def a_letter_that_is_no_event(scene: Scene) -> Iterator[None]:
    """Laid aside at once by its consumer; taken out of there at the end."""
    queue = event_queue("orders.views")
    connection = pika.BlockingConnection(pika.URLParameters(scene.stack.environment("operations")["LIVEDROPS_BROKER_URL"]))
    try:
        channel = connection.channel()
        channel.basic_publish("", queue, b"no event")
        yield
        method, _, body = channel.basic_get(f"dead.{queue}")
        assert method is not None
        assert method.delivery_tag is not None
        assert body == b"no event"
        channel.basic_ack(method.delivery_tag)
    finally:
        connection.close()


@contextmanager
def a_clock_that_wakes_late(scene: Scene) -> Iterator[None]:
    """A drop starts while the clock is stopped."""
    with scene.stopped("products-clock"):
        starts_at = datetime.now(UTC) + timedelta(seconds=2)
        Seller(scene.person(Role.CREATOR)).announce(2)
        eventually(lambda: datetime.now(UTC) > starts_at + timedelta(seconds=3), timeout_s=20)
    yield


@contextmanager
def more_streams_than_places(scene: Scene) -> Iterator[None]:
    with running_with(scene.stack, {"live": {"LIVEDROPS_LIVE_CONNECTIONS": "1"}}):
        streams = [Stream(scene.address, f"/live?drop={scene.drop.drop_id}") for _ in range(3)]
        try:
            yield
        finally:
            for stream in streams:
                stream.close()


@contextmanager
def held_events(scene: Scene) -> Iterator[None]:
    """The handler of notifications waits for its store, with an event in its hands."""
    scene.person().buy(scene.drop.drop_id)
    with scene.stopped("mongo"):
        scene.person().buy(scene.drop.drop_id)
        yield


CAUSES: dict[str, Cause] = {
    # Before others have left orders behind that were in time.
    "OrdersTooSlow": slow_orders,
    "UnitNotReady": stopping("search"),
    "IngressAway": stopping("ingress"),
    "NothingBehindIngress": stopping("media"),
    "BooksDoNotBalance": falsified,
    "OrdersFail": orders_without_answer,
    "OrdersTurnedAway": too_many_orders,
    "DropLockWaitsLong": slow_orders,
    "RequestsFail": failing_reads,
    "OutboxTooOld": an_order_that_nobody_tells,
    "QueueTooOld": an_event_that_nobody_takes,
    "DeadLetters": a_letter_that_is_no_event,
    "EventsFail": held_events,
    "NotificationsLate": notes_that_come_late,
    "DropStartsLate": a_clock_that_wakes_late,
    "StreamsFull": more_streams_than_places,
    "WorkerRoundsFail": stopping("postgres"),
    "BrokerAway": stopping("rabbitmq"),
    "PostgresAway": stopping("postgres"),
    "MongoAway": stopping("mongo"),
    "RedisAway": stopping("redis"),
    "ElasticsearchAway": stopping("elasticsearch"),
    "MonitoringBlind": stopping("rabbitmq"),
}

# Their tickets look back on hours, which are half an hour here.
PAGES_ONLY = ("OrdersTooSlow", "RequestsFail")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", CAUSES)
def test_an_alert_fires_by_its_cause_and_ends_with_it(
    name: str,
    watched: Watched,
    stack: Stack,
    orders: Orders,
    sql: Callable[..., list[tuple[Any, ...]]],
    person: Callable[..., Person],
    open_drop: Callable[..., Stock],
    address: str,
) -> None:
    scene = Scene(stack, orders, sql, person, open_drop, address)
    _ = scene.drop

    def fires() -> bool:
        return any(labels["severity"] == "page" or name not in PAGES_ONLY for labels in watched.firing(name))

    eventually(lambda: not fires(), timeout_s=ENDS_WITHIN_S, every_s=0.5)

    with CAUSES[name](scene):
        eventually(fires, timeout_s=FIRES_WITHIN_S, every_s=0.5)

    eventually(lambda: not fires(), timeout_s=ENDS_WITHIN_S, every_s=0.5)
