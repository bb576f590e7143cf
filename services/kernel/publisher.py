"""A publisher with confirms, for processes with threads: returns only when the broker has everything safely."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import pika
from pika.channel import Channel
from pika.frame import Method
from pika.spec import Basic, BasicProperties

from services.contracts.errors import Unavailable
from services.contracts.events import Event
from services.kernel.amqp import AmqpThread
from services.kernel.topology import EVENTS_EXCHANGE
from services.kernel.wire import CORRELATION_ID

# Some 25 KB a message: large enough to spare the broker, small enough to be one step of a consumer.
MOST_EVENTS_A_MESSAGE = 50


class NotConfirmed(Unavailable):
    """The broker did not take all of it: publish again. Consumers dedupe."""


@dataclass
class _Flight:
    """Messages on their way. `done` is released once, when all are confirmed or one can't be."""

    left: set[int] = field(default_factory=set)
    done: threading.Event = field(default_factory=threading.Event)
    failed: bool = False

    def fail(self) -> None:
        self.failed = True
        self.done.set()


class EventPublisher:
    """Publishes events, one flight at a time."""

    def __init__(self, url: str, name: str) -> None:
        self._amqp = AmqpThread(url, self, f"{name}.publisher")
        self._channel: Channel | None = None
        self._flight: _Flight | None = None
        self._last_tag = 0

    def start(self) -> None:
        self._amqp.start()

    def stop(self) -> None:
        self._amqp.stop()

    def check(self) -> None:
        """Raise Unavailable while there is no connection."""
        if not self._amqp.is_open():
            raise Unavailable("The broker can't be reached.")

    def publish(self, events: Sequence[Event], timeout_s: float = 10.0) -> None:
        """Publish all of these. Raises NotConfirmed where the broker did not confirm each within timeout_s."""
        if not events:
            return
        flight = _Flight()
        self._amqp.run_soon(lambda: self._send(flight, events))
        if not flight.done.wait(timeout_s) or flight.failed:
            flight.fail()  # one that has not left yet must not leave any more
            raise NotConfirmed("The broker did not confirm these events.")

    # In the I/O thread from here on.

    def opened(self, channel: Channel) -> None:
        self._channel = channel
        self._last_tag = 0
        channel.confirm_delivery(self._confirmed, callback=lambda _: self._amqp.ready())

    def lost(self) -> None:
        self._channel = None
        if self._flight:
            self._flight.fail()

    def _send(self, flight: _Flight, events: Sequence[Event]) -> None:
        if flight.failed:
            return
        if self._channel is None or not self._channel.is_open:
            flight.fail()
            return
        self._flight = flight
        messages = _together(events)
        flight.left = set(range(self._last_tag + 1, self._last_tag + 1 + len(messages)))
        self._last_tag += len(messages)
        for message in messages:
            body = msgspec.json.encode(message[0] if len(message) == 1 else message)
            self._channel.basic_publish(EVENTS_EXCHANGE, message[0].type, body, self._properties(message[0]))

    def _properties(self, event: Event) -> BasicProperties:
        """Of a message that begins with this event."""
        return BasicProperties(
            content_type="application/json",
            content_encoding="utf-8",
            headers={CORRELATION_ID: event.correlation_id} if event.correlation_id else {},
            delivery_mode=pika.DeliveryMode.Persistent.value,
            message_id=event.id,
            type=event.type,
            user_id=self._amqp.user,
        )

    def _confirmed(self, frame: "Method[Basic.Ack | Basic.Nack]") -> None:
        flight, method = self._flight, frame.method
        if flight is None:
            return
        tags = {tag for tag in flight.left if tag <= method.delivery_tag} if method.multiple else {method.delivery_tag}
        if isinstance(method, Basic.Nack) and tags & flight.left:
            flight.fail()
        flight.left -= tags
        if not flight.left:
            flight.done.set()


def _together(events: Sequence[Event]) -> list[list[Event]]:
    """The events as messages: those of one type and one call travel together."""
    groups: dict[tuple[str, str | None], list[Event]] = {}
    for event in events:
        groups.setdefault((event.type, event.correlation_id), []).append(event)
    size = MOST_EVENTS_A_MESSAGE
    return [group[begin : begin + size] for group in groups.values() for begin in range(0, len(group), size)]
