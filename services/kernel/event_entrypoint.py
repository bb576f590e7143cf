"""The event entrypoint of our nameko services: batches, backoff through delay queues, dead letters.

A handler gets a list of events, whatever waited, and may raise. A batch that fails is tried event by event, so that one
bad event holds up no other. An event that fails goes to the next delay queue, confirmed, before it is acknowledged; after
the last step it goes to the dead-letter queue, with what was raised. Nothing is lost by dying in between: the broker
delivers again, and handlers dedupe on event.id (`services.kernel.inbox`).
"""

import logging
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from eventlet.event import Event as Signal
from kombu import Exchange, Queue
from kombu.message import Message
from nameko import config as nameko_config
from nameko.amqp.publish import Publisher
from nameko.constants import AMQP_URI_CONFIG_KEY
from nameko.exceptions import ContainerBeingKilled
from nameko.messaging import Consumer

from services.contracts.errors import InvalidInput, LiveDropsError
from services.contracts.events import PAYLOADS, Event
from services.kernel import calls, failpoints, wire
from services.kernel.consuming import WatchedConsumer
from services.kernel.current_call import call_data
from services.kernel.process import process
from services.kernel.topology import DEAD_EXCHANGE, DELAY_STEPS_S, delay_exchange, event_queue
from services.kernel.wire import ATTEMPT, ERROR

log = logging.getLogger("livedrops.events")
# A dead letter shows where it failed, not a novel.
MAX_ERROR_TEXT = 2_000


@dataclass(frozen=True)
class _Delivery:
    message: Message
    event: Event


class EventConsumer(Consumer):  # type: ignore[misc]
    """Consumes one event queue and hands batches to the decorated method."""

    consumer_cls = WatchedConsumer

    def __init__(self, name: str, batch: int = 100, **options: Any) -> None:
        self.name = name
        self.batch = batch
        queue = Queue(event_queue(name), exchange=Exchange(""), no_declare=True)
        super().__init__(queue, prefetch_count=batch * 2, **options)
        self._waiting: deque[_Delivery] = deque()
        self._draining = False

    def setup(self) -> None:
        super().setup()
        process().require(f"events:{self.name}", self.consumer.check)
        # kombu's own way with a body that can't be decoded is to acknowledge it, and so to lose it.
        self.consumer.on_decode_error = self._bury_undecodable
        self._publisher = Publisher(nameko_config[AMQP_URI_CONFIG_KEY], use_confirms=True, mandatory=True)

    def handle_message(self, body: Any, message: Message) -> None:
        try:
            event = _event(body)
        except InvalidInput as error:
            self._bury(message, body, error)
            return
        self._waiting.append(_Delivery(message, event))
        if not self._draining:
            self._draining = True
            self.container.spawn_managed_thread(self._drain, identifier=f"events.{self.name}")

    def _drain(self) -> None:
        """Handle what waits, one batch at a time, until nothing waits."""
        try:
            while self._waiting:
                self._handle([self._waiting.popleft() for _ in range(min(len(self._waiting), self.batch))])
        finally:
            self._draining = False

    def _handle(self, deliveries: list[_Delivery]) -> None:
        error = self._run(deliveries)
        if error is None:
            self._acknowledge(deliveries)
        elif len(deliveries) == 1:
            self._fail(deliveries[0], error)
        else:
            for delivery in deliveries:
                self._handle([delivery])

    def _run(self, deliveries: list[_Delivery]) -> BaseException | None:
        """Run the handler in a worker and wait for it. What it raised, or None."""
        finished = Signal()
        call = calls.begin(calls.MAX_TIMEOUT_S, deliveries[0].event.correlation_id)
        begin = time.perf_counter()

        def finish(_worker: Any, result: Any, exc_info: Any) -> tuple[Any, Any]:
            finished.send(exc_info[1] if exc_info else None)
            return result, exc_info

        try:
            events = [delivery.event for delivery in deliveries]
            self.container.spawn_worker(self, (events,), {}, context_data=call_data(call), handle_result=finish)
        except ContainerBeingKilled as killed:
            return killed  # type: ignore[no-any-return]
        raised: BaseException | None = finished.wait()
        process().metrics.timing(f"events.{self.name}", time.perf_counter() - begin)
        process().metrics.count(f"events.{self.name}.handled", len(deliveries))
        return raised

    def _acknowledge(self, deliveries: list[_Delivery]) -> None:
        failpoints.reach("events.before_ack")
        for delivery in deliveries:
            self.consumer.ack_message(delivery.message)

    def _fail(self, delivery: _Delivery, error: BaseException) -> None:
        if isinstance(error, ContainerBeingKilled):
            self.consumer.requeue_message(delivery.message)
            return
        attempt = int(delivery.message.headers.get(ATTEMPT, 0)) + 1
        process().metrics.count(f"events.{self.name}.failed")
        extra = {"event_id": delivery.event.id, "event_type": delivery.event.type, "attempt": attempt}
        log.warning("an event failed", extra=extra, exc_info=error)
        if attempt > len(DELAY_STEPS_S):
            self._bury(delivery.message, msgspec.to_builtins(delivery.event), error, attempt)
        else:
            self._send_on(delivery.message, delay_exchange(DELAY_STEPS_S[attempt - 1]), {ATTEMPT: attempt})

    def _bury(self, message: Message, _body: Any, error: BaseException, attempt: int = 0) -> None:
        process().metrics.count(f"events.{self.name}.dead")
        log.error(
            "an event is dead", extra={"queue": event_queue(self.name), "message_id": message.properties.get("message_id")}, exc_info=error
        )
        self._send_on(message, DEAD_EXCHANGE, {ATTEMPT: attempt, ERROR: _error_text(error)})

    def _bury_undecodable(self, message: Message, error: Exception) -> None:
        self._bury(message, None, InvalidInput(f"The event is not JSON: {error}"))

    def _send_on(self, message: Message, exchange: str, headers: dict[str, Any]) -> None:
        """Publish the message elsewhere, confirmed, then acknowledge it here."""
        kept = {key: value for key, value in message.headers.items() if key in (wire.CORRELATION_ID, ATTEMPT)}
        self._publisher.publish(
            message.body,
            exchange=Exchange(exchange, no_declare=True),
            routing_key=event_queue(self.name),
            serializer=None,
            content_type="application/json",
            content_encoding="utf-8",
            headers={**kept, **headers},
            message_id=message.properties.get("message_id"),
            type=message.properties.get("type"),
        )
        self.consumer.ack_message(message)


def _event(body: Any) -> Event:
    """A well-formed event of a known type. Raises InvalidInput."""
    try:
        event = msgspec.convert(body, Event)
        if event.type in PAYLOADS:
            msgspec.convert(event.data, PAYLOADS[event.type])
        return event
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error)) from error


def _error_text(error: BaseException) -> str:
    code = f"{error.code}: " if isinstance(error, LiveDropsError) else ""
    return (code + "".join(traceback.format_exception(error)))[-MAX_ERROR_TEXT:]


def event_handler(name: str, *, batch: int = 100) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a method the consumer of the event queue `name` (see contracts.rights). It takes a list of Event."""
    return partial(_decorate, name, batch)


def _decorate(name: str, batch: int, method: Callable[..., None]) -> Callable[..., None]:
    return EventConsumer.decorator(name, batch=batch)(method)  # type: ignore[no-any-return]
