"""The event entrypoint of our nameko services: batches, backoff through delay queues, dead letters.

A handler gets a list of events, whatever waited, and may raise. A batch that fails is tried event by event, so that one
bad event holds up no other. An event that fails goes to the next delay queue, confirmed, before it is acknowledged; after
the last step it goes to the dead-letter queue, with what was raised. Nothing is lost by dying in between: the broker
delivers again, and handlers dedupe on event.id (`services.kernel.inbox`).

A handler that works on many at once says with SomeFailed which of them failed, and is not asked again about the others.
A handler whose store is away raises Hold: then nothing is wrong with the events, and the batch waits here, with all behind it in the queue.
"""

import logging
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import eventlet
import msgspec
from eventlet.event import Event as Signal
from kombu import Exchange, Queue
from kombu.message import Message
from nameko import config as nameko_config
from nameko.amqp.publish import Publisher
from nameko.constants import AMQP_URI_CONFIG_KEY
from nameko.exceptions import ContainerBeingKilled
from nameko.messaging import Consumer

from services.contracts.errors import InvalidInput, LiveDropsError, Unavailable
from services.contracts.events import PAYLOADS, Event
from services.kernel import calls, failpoints, tracing, wire
from services.kernel.consuming import WatchedConsumer
from services.kernel.current_call import call_data
from services.kernel.process import process
from services.kernel.topology import DEAD_EXCHANGE, DELAY_STEPS_S, delay_exchange, delay_step, event_queue, shortened
from services.kernel.wire import ATTEMPT, ERROR

log = logging.getLogger("livedrops.events")
# A dead letter shows where it failed, not a novel.
MAX_ERROR_TEXT = 2_000
# A held batch is tried again after so long. It goes back to the broker before that takes an unacknowledged message for lost (30 minutes).
HOLD_S = 1.0
LONGEST_HOLD_S = 600.0


class Hold(Unavailable):
    """Raised by a handler that can do nothing right now, whatever the events are: its store is away. They are tried again, none is lost."""


@contextmanager
def held() -> Iterator[None]:
    """For what a handler asks of others: where one of them is away, nothing is wrong with the events. Raises Hold."""
    try:
        yield
    except Unavailable as error:
        raise Hold(error.message) from error


@dataclass(frozen=True)
class Failure:
    """Of one event. after_s: it makes no sense to try it earlier than that."""

    error: BaseException
    after_s: float = 0.0


class SomeFailed(Exception):
    """Raised by a handler that has handled all its events but these. failures: by event id."""

    def __init__(self, failures: Mapping[str, Failure]) -> None:
        self.failures = failures
        super().__init__(f"{len(failures)} events failed")


@dataclass(frozen=True)
class _Delivery:
    """A message and its events: one, or several that were published together."""

    message: Message
    events: list[Event]


class EventConsumer(Consumer):  # type: ignore[misc]
    """Consumes one event queue and hands batches to the decorated method. See `event_handler`."""

    consumer_cls = WatchedConsumer

    def __init__(self, name: str, batch: int = 20, linger_s: float = 0.0, **options: Any) -> None:
        self.name = name
        self.batch = batch
        self.linger_s = linger_s
        queue = Queue(event_queue(name), exchange=Exchange(""), no_declare=True)
        super().__init__(queue, prefetch_count=batch * 2, **options)
        self._waiting: deque[_Delivery] = deque()
        self._draining = False

    def setup(self) -> None:
        super().setup()
        process().take(f"events:{self.name}", self.consumer.check)
        # kombu's own way with a body that can't be decoded is to acknowledge it, and so to lose it.
        self.consumer.on_decode_error = self._bury_undecodable
        self._publisher = Publisher(nameko_config[AMQP_URI_CONFIG_KEY], use_confirms=True, mandatory=True)

    def handle_message(self, body: Any, message: Message) -> None:
        try:
            delivery = _Delivery(message, _events(body))
        except InvalidInput as error:
            self._bury(message, message.body, error)
            self.consumer.ack_message(message)
            return
        self._waiting.append(delivery)
        if not self._draining:
            self._draining = True
            self.container.spawn_managed_thread(self._drain, identifier=f"events.{self.name}")

    def _drain(self) -> None:
        """Handle what waits, some messages at a time, until nothing waits. Who is stopped gives back what it has not begun."""
        try:
            while self._waiting:
                if self.consumer.should_stop:
                    self._give_back(self._taken(len(self._waiting)))
                    return
                if self.linger_s and len(self._waiting) < self.batch:
                    eventlet.sleep(self.linger_s)
                self._handle(self._taken(self.batch))
        finally:
            self._draining = False

    def _taken(self, most: int) -> list[_Delivery]:
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), most))]

    def _give_back(self, deliveries: list[_Delivery]) -> None:
        for delivery in deliveries:
            self.consumer.requeue_message(delivery.message)

    def _handle(self, deliveries: list[_Delivery]) -> None:
        error = self._run_held([event for delivery in deliveries for event in delivery.events])
        if isinstance(error, ContainerBeingKilled | Hold):
            self._give_back(deliveries)
            return
        if isinstance(error, SomeFailed):
            self._fail_some(deliveries, error)
        elif error is not None:
            self._handle_apart(deliveries)
        failpoints.reach("events.before_ack")
        for delivery in deliveries:
            self.consumer.ack_message(delivery.message)

    def _handle_apart(self, deliveries: list[_Delivery]) -> None:
        """Event by event, so that one that fails holds up no other."""
        for delivery in deliveries:
            for event in delivery.events:
                error = self._run_held([event])
                if isinstance(error, SomeFailed):
                    self._fail_some([_Delivery(delivery.message, [event])], error)
                elif error is not None:
                    self._fail(delivery.message, [(event, Failure(error))])

    def _fail_some(self, deliveries: list[_Delivery], some: SomeFailed) -> None:
        for delivery in deliveries:
            self._fail(delivery.message, [(event, some.failures[event.id]) for event in delivery.events if event.id in some.failures])

    def _run_held(self, events: list[Event]) -> BaseException | None:
        """Run the handler until it holds no more."""
        deadline = time.monotonic() + LONGEST_HOLD_S
        held = False
        while isinstance(error := self._run(events), Hold) and time.monotonic() < deadline and not self.consumer.should_stop:
            if not held:
                log.warning("events are held", extra={"queue": event_queue(self.name), "error": str(error)})
            held = True
            process().metrics.count(f"events.{self.name}.held")
            eventlet.sleep(HOLD_S)
        return error

    def _run(self, events: list[Event]) -> BaseException | None:
        """Run the handler in a worker and wait for it. What it raised, or None."""
        finished = Signal()
        span, trace = tracing.enter_batch(*_span_of(self.name, events)) if tracing.is_on() else (None, None)
        call = calls.begin(calls.MAX_TIMEOUT_S, events[0].correlation_id, trace=trace)
        begin = time.perf_counter()

        def finish(_worker: Any, result: Any, exc_info: Any) -> tuple[Any, Any]:
            finished.send(exc_info[1] if exc_info else None)
            return result, exc_info

        try:
            self.container.spawn_worker(self, (events,), {}, context_data=call_data(call), handle_result=finish)
        except ContainerBeingKilled as killed:
            return killed  # type: ignore[no-any-return]
        raised: BaseException | None = finished.wait()
        tracing.finish(span, raised)
        process().metrics.timing(f"events.{self.name}", time.perf_counter() - begin)
        process().metrics.count(f"events.{self.name}.handled", len(events))
        return raised

    def _fail(self, message: Message, failed: list[tuple[Event, Failure]]) -> None:
        """Put failed events of a message into the next delay queue, those that wait alike together, or each among the dead letters."""
        attempt = int(message.headers.get(ATTEMPT, 0)) + 1
        waiting: dict[tuple[int, float], list[Event]] = {}
        for event, failure in failed:
            process().metrics.count(f"events.{self.name}.failed")
            extra = {"event_id": event.id, "event_type": event.type, "attempt": attempt}
            log.warning("an event failed", extra=extra, exc_info=failure.error)
            if attempt > len(DELAY_STEPS_S):
                self._bury(message, msgspec.json.encode(event), failure.error, attempt, event)
            else:
                waiting.setdefault((delay_step(attempt, failure.after_s), failure.after_s), []).append(event)
        for (step, after_s), events in waiting.items():
            body = msgspec.json.encode(events[0] if len(events) == 1 else events)
            self._send_on(message, body, delay_exchange(step), {ATTEMPT: attempt}, events[0], shortened(step, after_s))

    def _bury(self, message: Message, body: Any, error: BaseException, attempt: int = 0, event: Event | None = None) -> None:
        process().metrics.count(f"events.{self.name}.dead")
        extra = {"queue": event_queue(self.name), "message_id": event.id if event else message.properties.get("message_id")}
        log.error("an event is dead", extra=extra, exc_info=error)
        self._send_on(message, body, DEAD_EXCHANGE, {ATTEMPT: attempt, ERROR: _error_text(error)}, event)

    def _bury_undecodable(self, message: Message, error: Exception) -> None:
        self._bury(message, message.body, InvalidInput(f"The event is not JSON: {error}"))
        self.consumer.ack_message(message)

    def _send_on(
        self, message: Message, body: Any, exchange: str, headers: dict[str, Any], event: Event | None, waits_s: float | None = None
    ) -> None:
        """Publish elsewhere, confirmed. The message itself is acknowledged only when all of it has gone somewhere."""
        kept = {key: value for key, value in message.headers.items() if key in (wire.CORRELATION_ID, ATTEMPT)}
        self._publisher.publish(
            body,
            exchange=Exchange(exchange, no_declare=True),
            routing_key=event_queue(self.name),
            serializer=None,
            content_type="application/json",
            content_encoding="utf-8",
            headers={**kept, **headers},
            message_id=event.id if event else message.properties.get("message_id"),
            type=event.type if event else message.properties.get("type"),
            expiration=waits_s,
        )


def _span_of(name: str, events: list[Event]) -> tuple[str, tracing.Kind, Iterator[str | None], tracing.Attributes]:
    """https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/"""
    queue = event_queue(name)
    attributes: tracing.Attributes = {
        "messaging.system": "rabbitmq",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": queue,
        "messaging.batch.message_count": len(events),
        "livedrops.event.types": sorted({event.type for event in events}),
    }
    return f"process {queue}", "consumer", (event.traceparent for event in events), attributes


def _events(body: Any) -> list[Event]:
    """Well-formed events of known types. Raises InvalidInput."""
    try:
        events = msgspec.convert(body if isinstance(body, list) else [body], list[Event])
        if not events:
            raise InvalidInput("The message holds no event.")
        for event in events:
            if event.type in PAYLOADS:
                msgspec.convert(event.data, PAYLOADS[event.type])
        return events
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error)) from error


def _error_text(error: BaseException) -> str:
    code = f"{error.code}: " if isinstance(error, LiveDropsError) else ""
    return (code + "".join(traceback.format_exception(error)))[-MAX_ERROR_TEXT:]


def event_handler(name: str, *, batch: int = 20, linger_s: float = 0.0) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a method the consumer of the event queue `name` (see contracts.rights). It takes a list of Event.

    batch: messages handled together at the most; each may hold several events. linger_s: how long the first of a batch may wait for more, where
    many together cost hardly more than one.
    """
    return partial(_decorate, name, batch, linger_s)


def _decorate(name: str, batch: int, linger_s: float, method: Callable[..., None]) -> Callable[..., None]:
    made = EventConsumer.decorator(name, batch=batch, linger_s=linger_s, expected_exceptions=(Hold, SomeFailed))
    return made(method)  # type: ignore[no-any-return]
