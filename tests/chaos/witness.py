"""A second, independent consumer: counts what the broker hands out, so that not only our own consumer says what it heard."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pika

from services.contracts.events import Event, events_of
from services.kernel.topology import EVENTS_EXCHANGE
from tests.conftest import eventually

HEARS_WITHIN_S = 10.0


@dataclass
class Witness:
    """Hears every event of orders while the block of `of` lasts."""

    _events: list[Event] = field(default_factory=list)

    @classmethod
    @contextmanager
    def of(cls, broker_url: str | None) -> "Iterator[Witness | None]":
        """None where there is no broker to ask. The queue dies with the block."""
        if broker_url is None:
            yield None
            return
        witness, stopping = cls(), threading.Event()
        connection = pika.BlockingConnection(pika.URLParameters(broker_url))
        channel, queue = connection.channel(), f"watch.{uuid.uuid4()}"
        channel.queue_declare(queue, exclusive=True)
        channel.queue_bind(queue, EVENTS_EXCHANGE, "order.#")
        channel.basic_consume(queue, lambda _channel, _method, _properties, body: witness._hear(body), auto_ack=True)
        listener = threading.Thread(target=_listen, args=(connection, stopping), name="witness")
        listener.start()
        try:
            yield witness
        finally:
            stopping.set()
            listener.join()
            connection.close()

    def check_saw(self, drop_id: str, order_ids: set[str]) -> None:
        """Each order of the drop was told of, and under one event id: whoever dedupes by it takes each in once."""
        eventually(lambda: {order_id for order_id, _ in self._told(drop_id)} >= order_ids, HEARS_WITHIN_S)
        told = self._told(drop_id)
        assert {order_id for order_id, _ in told} == order_ids
        assert len(told) == len(order_ids), "an order was told of under two event ids"

    def _hear(self, body: bytes) -> None:
        self._events.extend(events_of(body))

    def _told(self, drop_id: str) -> set[tuple[str, str]]:
        """Order and event ids, without the repetitions."""
        confirmed = [event for event in list(self._events) if event.type == "order.confirmed"]
        return {(event.data["order"]["id"], event.id) for event in confirmed if event.data["order"]["drop_id"] == drop_id}


def _listen(connection: pika.BlockingConnection, stopping: threading.Event) -> None:
    while not stopping.is_set():
        connection.process_data_events(time_limit=0.1)
