"""A publisher with confirms, for processes with threads: returns only when the broker has everything safely."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pika
from pika.channel import Channel
from pika.frame import Method
from pika.spec import Basic, BasicProperties

from services.contracts.errors import Unavailable
from services.contracts.events import Event
from services.kernel import traces, tracing
from services.kernel.amqp import AmqpThread
from services.kernel.topology import EVENTS_EXCHANGE, delay_exchange, delay_step, event_queue, shortened
from services.kernel.wire import ATTEMPT, CORRELATION_ID

# Some 25 KB a message: large enough to spare the broker, small enough to be one step of a consumer.
MOST_EVENTS_A_MESSAGE = 50


class NotConfirmed(Unavailable):
    """The broker did not take all of it: publish again. Consumers dedupe."""


@dataclass(frozen=True)
class _Way:
    """Where messages go. routing_key: None for the type of the event. waits_s: how long they lie in a delay queue, at most."""

    exchange: str = EVENTS_EXCHANGE
    routing_key: str | None = None
    attempt: int | None = None
    waits_s: float | None = None


_TO_ALL = _Way()


@dataclass
class _Flight:
    """Messages on their way. `done` is released once, when all are confirmed or one can't be."""

    way: _Way
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
        self._one_flight = threading.Lock()

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
        self._fly(_TO_ALL, events, timeout_s)

    def publish_later(self, events: Sequence[Event], consumer: str, after_s: float = 0.0, timeout_s: float = 10.0) -> None:
        """Give these to one consumer, through the first delay queue that is as long as after_s, as if it had failed to handle them once.

        Raises NotConfirmed as publish does.
        """
        step = delay_step(1, after_s)
        self._fly(_Way(delay_exchange(step), event_queue(consumer), 1, shortened(step, after_s)), events, timeout_s)

    def _fly(self, way: _Way, events: Sequence[Event], timeout_s: float) -> None:
        if not events:
            return
        flight = _Flight(way)
        with self._one_flight, _told(events):
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
            key = flight.way.routing_key or message[0].type
            self._channel.basic_publish(flight.way.exchange, key, body, self._properties(message[0], flight.way))

    def _properties(self, event: Event, way: _Way) -> BasicProperties:
        """Of a message that begins with this event."""
        headers: dict[str, Any] = {CORRELATION_ID: event.correlation_id} if event.correlation_id else {}
        if event.traceparent:
            headers[traces.HEADER] = event.traceparent
        return BasicProperties(
            content_type="application/json",
            content_encoding="utf-8",
            headers=headers if way.attempt is None else {**headers, ATTEMPT: way.attempt},
            expiration=None if way.waits_s is None else str(int(way.waits_s * 1000)),
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


@contextmanager
def _told(events: Sequence[Event]) -> Iterator[None]:
    """The block as a span of each trace that some of the events belong to: of those that are recorded, a round has few."""
    spans = _spans_of(events) if tracing.is_on() else []
    error: BaseException | None = None
    try:
        yield
    except BaseException as raised:
        error = raised
        raise
    finally:
        for span in spans:
            tracing.finish(span, error)


def _spans_of(events: Sequence[Event]) -> list[tracing.Span]:
    """https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/"""
    counts = Counter(event.traceparent for event in events if event.traceparent)
    attributes: tracing.Attributes = {
        "messaging.system": "rabbitmq",
        "messaging.operation.type": "send",
        "messaging.operation.name": "publish",
        "messaging.destination.name": EVENTS_EXCHANGE,
    }
    opened = (
        tracing.open_span(
            f"publish {EVENTS_EXCHANGE}", "producer", {**attributes, "messaging.batch.message_count": count}, traces.read(text)
        )
        for text, count in counts.items()
    )
    return [span for span in opened if span is not None]


def _together(events: Sequence[Event]) -> list[list[Event]]:
    """The events as messages: those of one type and one call travel together."""
    groups: dict[tuple[str, str | None, str | None], list[Event]] = {}
    for event in events:
        groups.setdefault((event.type, event.correlation_id, event.traceparent), []).append(event)
    size = MOST_EVENTS_A_MESSAGE
    return [group[begin : begin + size] for group in groups.values() for begin in range(0, len(group), size)]
