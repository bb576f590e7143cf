"""A second, independent consumer: counts what the broker hands out, so that not only our own consumer says what it heard."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pika

from services.contracts.events import Event, events_of
from services.kernel.topology import EVENTS_EXCHANGE


@dataclass
class Witness:
    """Hears events while the block of `of` lasts."""

    _events: list[Event] = field(default_factory=list)

    @classmethod
    @contextmanager
    def of(cls, broker_url: str, kinds: str) -> "Iterator[Witness]":
        """kinds: types as a queue is bound to them, "order.#". The queue dies with the block."""
        witness, stopping = cls(), threading.Event()
        connection = pika.BlockingConnection(pika.URLParameters(broker_url))
        channel, queue = connection.channel(), f"watch.{uuid.uuid4()}"
        channel.queue_declare(queue, exclusive=True)
        channel.queue_bind(queue, EVENTS_EXCHANGE, kinds)
        channel.basic_consume(queue, lambda _channel, _method, _properties, body: witness._hear(body), auto_ack=True)
        listener = threading.Thread(target=_listen, args=(connection, stopping), name="witness")
        listener.start()
        try:
            yield witness
        finally:
            stopping.set()
            listener.join()
            connection.close()

    def heard(self, *kinds: str) -> list[Event]:
        """All events of these types until now, with the repetitions."""
        return [event for event in list(self._events) if event.type in kinds]

    def __len__(self) -> int:
        """How many events were heard."""
        return len(self._events)

    def _hear(self, body: bytes) -> None:
        self._events.extend(events_of(body))


def _listen(connection: pika.BlockingConnection, stopping: threading.Event) -> None:
    while not stopping.is_set():
        connection.process_data_events(time_limit=0.1)
