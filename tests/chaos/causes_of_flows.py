"""Causes of alerts: events, notifications, pushes, the change stream, and what gateways count."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import kombu
import pika
from pika.adapters.blocking_connection import BlockingChannel
from pymongo import MongoClient

from services.contracts.notifications import EndpointKind, NewEndpoint
from services.kernel.topology import event_queue
from tests.chaos.disturbances import paused, running_with
from tests.chaos.scene import Scene
from tests.conftest import eventually
from tests.integration.oplog import fill_oplog
from tests.integration.receiving import OK, receiver
from tests.integration.streams import opener

# More than half of a million: a queue is bounded by that.
NEARLY_A_MILLION = 510_000
# How long notes are late, and how long they then come at once.
LATE_S, IN_TIME_S = 4.0, 2.0


@contextmanager
def channel_of(scene: Scene) -> Iterator[BlockingChannel]:
    """An operator's."""
    connection = pika.BlockingConnection(pika.URLParameters(scene.setting("operations", "BROKER_URL")))
    try:
        yield connection.channel()
    finally:
        connection.close()


@contextmanager
def letter_that_is_no_event(scene: Scene) -> Iterator[None]:
    """Laid aside at once by its consumer; taken out of there at the end."""
    queue = event_queue("orders.views")
    with channel_of(scene) as channel:
        channel.basic_publish("", queue, b"no event")
    try:
        yield
    finally:
        with channel_of(scene) as channel:
            # The exporter looks at it as well, and has it for a moment then.
            method, _, body = eventually(lambda: next((got for got in [channel.basic_get(f"dead.{queue}")] if got[0]), None))
            assert body == b"no event"
            channel.basic_ack(method.delivery_tag)


@contextmanager
def queue_that_nobody_empties(scene: Scene) -> Iterator[None]:
    """Messages without a content: what matters is how many there are. All are gone before their consumer is back."""
    queue = event_queue("orders.views")
    with scene.stopped("orders-views"):
        # pika takes three times as long.
        with kombu.Connection(scene.setting("operations", "BROKER_URL")) as connection:
            channel = connection.channel()
            message = channel.prepare_message(b"")
            for _ in range(NEARLY_A_MILLION):
                channel.basic_publish(message, exchange="", routing_key=queue)
        try:
            yield
        finally:
            with channel_of(scene) as operator:
                operator.queue_purge(queue)


@contextmanager
def held_events(scene: Scene) -> Iterator[None]:
    """The handler of notifications waits for its store, with an event in its hands."""
    buyer = scene.person()
    buyer.buy(scene.drop.drop_id)
    with scene.stopped("mongo"):
        buyer.buy(scene.drop.drop_id)
        yield


@contextmanager
def notes_that_come_late(scene: Scene) -> Iterator[None]:
    """An order's note is written, and seen by its connected buyer, some seconds after it, again and again."""
    buyer, writer = scene.person(), scene.stack.pid("notifications-events")

    def buy_while_nobody_writes() -> None:
        with paused(writer) as since:
            buyer.buy(scene.drop.drop_id)
            eventually(lambda: time.monotonic() > since + LATE_S)

    with opener(scene.address) as open_stream:
        open_stream(buyer, inbox=1).wait_for("hello")
        with scene.again_and_again(buy_while_nobody_writes, IN_TIME_S):
            yield


@contextmanager
def endpoint_that_refuses(scene: Scene) -> Iterator[None]:
    """A buyer's webhook answers each of their orders with an error; and takes what is tried again once the cause is over."""
    buyer = scene.person()
    with receiver() as hooks:
        hooks.answer = lambda _: (500, {})
        webhook = NewEndpoint(EndpointKind.WEBHOOK, f"{hooks.url}/hook")
        added = scene.notifications.add_endpoint(user_id=buyer.id, endpoint=webhook)
        try:
            with scene.again_and_again(lambda: buyer.buy(scene.drop.drop_id), pause_s=0.5):
                yield
        finally:
            hooks.answer = lambda _: OK
            scene.notifications.remove_endpoint(user_id=buyer.id, endpoint_id=added.endpoint.id)


@contextmanager
def place_that_is_forgotten(scene: Scene) -> Iterator[None]:
    """While the reader of changes is stopped, more is written than MongoDB's log holds."""
    with scene.stopped("users-capture"), MongoClient[dict[str, Any]](scene.setting("users", "USERS_MONGO_URL")) as client:
        fill_oplog(client)
    yield


@contextmanager
def reports_that_nobody_takes(scene: Scene) -> Iterator[None]:
    """Gateways that keep one report each count refusals for which analytics is away."""
    sold_out = scene.open_drop(1).drop_id
    forgetful = running_with(scene.stack, {"gateway": {"LIVEDROPS_SIGHTINGS_WAITING": "1"}})
    with forgetful, scene.stopped("analytics-service"), scene.crowd(lambda somebody: somebody.buy(sold_out, quantity=2)):
        yield
