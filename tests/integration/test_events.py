"""Events from the outbox to their consumer: once in effect, with backoff, and dead letters."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import msgspec
import pika
import pytest
from kombu import Exchange, Queue
from kombu.message import Message
from pika.adapters.blocking_connection import BlockingChannel
from pydantic import SecretStr

from services.contracts.errors import Unavailable
from services.contracts.events import Event, OrderConfirmed, events_of
from services.contracts.orders import Order, Orders, OrderStatus, PlaceOrder, Stock
from services.contracts.values import Money
from services.kernel import ids, topology
from services.kernel.config import Settings
from services.kernel.consuming import WatchedConsumer
from services.kernel.metrics import Metrics
from services.kernel.process import Process
from services.kernel.publisher import EventPublisher
from services.kernel.wire import ATTEMPT
from stack.api import Stack
from tests.chaos.disturbances import stopped
from tests.conftest import eventually

Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def publisher(publisher_of: Callable[[str], EventPublisher]) -> EventPublisher:
    return publisher_of("orders-relay")


@pytest.fixture
def watcher(stack: Stack) -> Iterator[BlockingChannel]:
    """A channel of operations with a queue of its own, `watch.tests`, that hears every event."""
    connection = pika.BlockingConnection(pika.URLParameters(stack.environment("operations")["LIVEDROPS_BROKER_URL"]))
    channel = connection.channel()
    channel.queue_declare("watch.tests", exclusive=True, auto_delete=True)
    channel.queue_bind("watch.tests", topology.EVENTS_EXCHANGE, "#")
    yield channel
    connection.close()


def heard(channel: BlockingChannel) -> list[Event]:
    """What lies in the watcher's queue, taken out."""
    events: list[Event] = []
    while (got := channel.basic_get("watch.tests", auto_ack=True))[0] is not None:
        assert got[2] is not None
        events += events_of(got[2])
    return events


def confirmed(user_id: str, name: str = "A shirt", version: int = 2, event_id: str | None = None, order: str | None = None) -> Event:
    drop = str(uuid.uuid4())
    order_id = order or f"{ids.new_id_hex()}-{drop.replace('-', '')}"
    now = datetime.now(UTC)
    told = OrderConfirmed(Order(order_id, drop, user_id, 1, OrderStatus.CONFIRMED, Money(1, "EUR"), now, name), str(uuid.uuid4()), version)
    return Event(event_id or str(uuid.uuid4()), "order.confirmed", now, msgspec.to_builtins(told))


def test_a_sale_tells_everything_once(orders: Orders, open_drop: Callable[..., Stock], watcher: BlockingChannel) -> None:
    drop = open_drop(total=20)
    order = orders.place_order(request=PlaceOrder(drop.drop_id, str(uuid.uuid4()), 19, "a"))
    orders.place_order(request=PlaceOrder(drop.drop_id, str(uuid.uuid4()), 1, "b"))
    orders.cancel_order(order_id=order.id, reason="no")
    told: list[Event] = []

    def all_told() -> bool:
        told.extend(event for event in heard(watcher) if drop.drop_id in str(event.data))
        return {"order.cancelled", "drop.sold_out", "drop.restocked"} <= {event.type for event in told}

    eventually(all_told)
    kinds = sorted(event.type for event in {event.id: event for event in told}.values())
    of_stock = ["drop.low_stock", "drop.sold_out", "drop.restocked"]
    assert kinds == sorted(["stock.changed"] * 4 + ["order.confirmed"] * 2 + ["order.cancelled"] + of_stock)


def test_an_event_delivered_twice_takes_effect_once(publisher: EventPublisher, orders: Orders) -> None:
    user = str(uuid.uuid4())
    event = confirmed(user)
    publisher.publish([event, event])
    publisher.publish([event])
    eventually(lambda: orders.list_orders(user_id=user, first=5, after=None).orders)
    publisher.publish([confirmed(user, name="marker")])
    eventually(lambda: len(orders.list_orders(user_id=user, first=5, after=None).orders) == 2)


def test_a_late_older_event_does_not_overwrite_a_newer_one(publisher: EventPublisher, orders: Orders) -> None:
    user = str(uuid.uuid4())
    newer = confirmed(user, name="newer", version=9)
    older = confirmed(user, name="older", version=3, order=newer.data["order"]["id"])
    marker = confirmed(user, name="marker")
    for event in (newer, older, marker):
        publisher.publish([event])
    eventually(lambda: len(orders.list_orders(user_id=user, first=5, after=None).orders) == 2)
    assert "newer" in {order.name for order in orders.list_orders(user_id=user, first=5, after=None).orders}


def test_an_event_that_fails_is_tried_again_later_and_holds_up_no_other(
    stack: Stack, publisher: EventPublisher, orders: Orders, sql: Sql
) -> None:
    user, other = str(uuid.uuid4()), str(uuid.uuid4())
    sql(f"alter table user_orders add constraint not_yet check (user_id <> '{user}')")
    try:
        publisher.publish([confirmed(user), confirmed(other)])
        eventually(lambda: orders.list_orders(user_id=other, first=5, after=None).orders)
        log = stack.log("orders-views")
        eventually(lambda: "an event failed" in log.read_text() and user in log.read_text())
    finally:
        sql("alter table user_orders drop constraint not_yet")
    eventually(lambda: orders.list_orders(user_id=user, first=5, after=None).orders, timeout_s=20)


def test_a_message_that_is_no_event_is_a_dead_letter_at_once(stack: Stack) -> None:
    marker = str(uuid.uuid4())
    connection = pika.BlockingConnection(pika.URLParameters(stack.environment("orders-relay")["LIVEDROPS_BROKER_URL"]))
    channel = connection.channel()
    channel.confirm_delivery()
    properties = pika.BasicProperties(content_type="application/json", content_encoding="utf-8", message_id=marker, user_id="orders-relay")
    channel.basic_publish(topology.EVENTS_EXCHANGE, "order.confirmed", b'{"id": 5}', properties)
    connection.close()
    operations = pika.BlockingConnection(pika.URLParameters(stack.environment("operations")["LIVEDROPS_BROKER_URL"]))
    channel = operations.channel()

    def dead() -> dict[str, Any] | None:
        """The headers of our dead letter, which is taken out; others stay."""
        found = None
        while (got := channel.basic_get(topology.dead_queue("orders.views")))[0] is not None:
            method, seen, _ = got
            assert method is not None
            assert method.delivery_tag is not None
            assert seen is not None
            if seen.message_id == marker:
                found = dict(seen.headers or {})
                channel.basic_ack(method.delivery_tag)
        channel.basic_recover(requeue=True)
        return found

    headers = eventually(dead)
    assert headers[ATTEMPT] == 0
    assert "INVALID_INPUT" in headers["x-livedrops-error"]
    operations.close()


def test_the_outbox_is_empty_a_moment_after_a_sale(orders: Orders, open_drop: Callable[..., Stock], sql: Sql) -> None:
    drop = open_drop()
    orders.place_order(request=PlaceOrder(drop.drop_id, str(uuid.uuid4()), 1, "a"))
    eventually(lambda: sql("select count(*) from outbox where drop_id = %s", drop.drop_id) == [(0,)])


@dataclass
class Views:
    """orders-views, stopped, and a consumer of its queue in its place, whose worker takes one message and waits until it may finish."""

    process: Process
    consumer: WatchedConsumer
    channel: BlockingChannel
    queue: str
    taken: threading.Event = field(default_factory=threading.Event)
    may_finish: threading.Event = field(default_factory=threading.Event)

    @cached_property
    def running(self) -> threading.Thread:
        return threading.Thread(target=self.consumer.run)

    def consumers(self) -> int:
        return int(self.channel.queue_declare(self.queue, passive=True).method.consumer_count)

    def waiting(self) -> int:
        """Messages that nobody has in hand."""
        return int(self.channel.queue_declare(self.queue, passive=True).method.message_count)

    def work(self, message: Message) -> None:
        self.taken.set()
        self.may_finish.wait(30)
        self.consumer.ack_message(message)


@pytest.fixture
def views(stack: Stack, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> Iterator[Views]:
    environment = stack.environment("orders-views")
    url, queue = environment["LIVEDROPS_BROKER_URL"], topology.event_queue("orders.views")
    settings = Settings(broker_url=SecretStr(url), redis_url=SecretStr(environment["LIVEDROPS_REDIS_URL"]))
    process = Process(settings, metrics)
    monkeypatch.setattr("services.kernel.process._process", [process])

    def take(_body: Any, message: Message) -> None:
        threading.Thread(target=here.work, args=(message,)).start()

    consumer = WatchedConsumer(url, queues=[Queue(queue, exchange=Exchange(""), no_declare=True)], callbacks=[take], accept=["json"])
    with stopped(stack, "orders-views"), pika.BlockingConnection(pika.URLParameters(url)) as line:
        here = Views(process, consumer, line.channel(), queue)
        yield here
        here.may_finish.set()
        consumer.stop()
        here.running.join(10)
        assert not here.running.is_alive()


def test_who_is_stopped_finishes_what_it_has_in_hand_and_nobody_is_given_it_again(views: Views, publisher: EventPublisher) -> None:
    first, second = confirmed(str(uuid.uuid4())), confirmed(str(uuid.uuid4()))
    views.running.start()
    publisher.publish([first])
    assert views.taken.wait(10)

    stopping = threading.Thread(target=views.consumer.stop)
    stopping.start()
    eventually(lambda: views.consumer.should_stop)
    publisher.publish([second])
    eventually(lambda: views.waiting() == 1)
    assert stopping.is_alive()
    views.may_finish.set()
    stopping.join(10)

    assert not stopping.is_alive()
    body = views.channel.basic_get(views.queue)[2]
    assert body is not None
    assert [event.id for event in events_of(body)] == [second.id]
    assert views.channel.basic_get(views.queue)[0] is None


def test_who_lacks_its_store_takes_nothing(views: Views, publisher: EventPublisher) -> None:
    looks, is_there = Counter[str](), threading.Event()

    def check() -> None:
        looks["store"] += 1
        if not is_there.is_set():
            raise Unavailable("The store is away.")

    views.process.require("store", check)
    publisher.publish([confirmed(str(uuid.uuid4()))])
    views.running.start()
    eventually(lambda: looks["store"] >= 3)
    assert (views.consumers(), views.taken.is_set()) == (0, False)

    is_there.set()
    assert views.taken.wait(10)
