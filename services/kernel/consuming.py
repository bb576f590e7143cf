"""A nameko consumer that knows whether it is consuming: what it sends to itself comes back.

A process can have an open port and an open connection and yet take nothing from the broker: its consumer was cancelled, or
the line is cut in a way that nobody is told of. So readiness is a round trip: a message out, through a queue that only this
consumer has, and in over the channel and the loop that also bring its work. (Through the queue of its work a message would
wait behind the work, and might come to another process that shares the queue.)

And one that begins and stops well. It takes nothing before the stores of its process answer: a new version that is wrongly set up
would else answer its share of the calls with errors, before anybody has found that it is not ready. And nameko's own closes its line
while its workers are at work; what they have in hand is then delivered to somebody else, and done twice.
"""

import threading
import time
import uuid
from contextlib import suppress
from typing import Any

from amqp.exceptions import AMQPError
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError
from kombu.message import Message
from nameko.amqp.consume import Consumer
from nameko.amqp.publish import Publisher

from services.contracts.errors import Unavailable
from services.kernel.process import process
from services.kernel.topology import RPC_EXCHANGE, pulse_key, pulse_queue

# A round trip takes some milliseconds; a process that has been so long without one does no work that anybody waits for.
PULSE_WITHIN_S = 2.0
# Who asks again within this gets the last answer: several may ask, and often.
PULSE_EVERY_S = 1.0
# Of a consumer that stops, at what its workers still have in hand.
LOOK_EVERY_S = 0.02
# Of a consumer that begins, at what its process needs.
ABLE_LOOK_EVERY_S = 0.1


class WatchedConsumer(Consumer):  # type: ignore[misc]
    """nameko's consumer, for a readiness check."""

    def __init__(self, amqp_uri: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(amqp_uri, *args, **kwargs)
        self._consuming = False
        self._ended = threading.Event()
        # Messages that are neither acknowledged nor given back.
        self._in_hand: dict[int, Message] = {}
        # Unconfirmed: nothing waits on a line that takes everything and hands on nothing. An RPC server's replies go over the same connection.
        self._publisher = Publisher(amqp_uri, use_confirms=False, transport_options={"confirm_publish": False})
        self._id = ""
        self._returned_at = float("-inf")
        self._returned = threading.Event()

    def run(self, *args: Any, **kwargs: Any) -> None:
        try:
            while not self.should_stop and not process().can_work():
                time.sleep(ABLE_LOOK_EVERY_S)
            super().run(*args, **kwargs)
        finally:
            self._ended.set()
            # Who is stopped before it has begun is waited for no longer.
            self.ready.set()

    def stop(self) -> None:
        """Take nothing more, and return once all that was taken is settled and the line is closed. Whoever calls says how long that may take."""
        super().stop()
        # The first messages may be there before all its queues are consumed.
        if self._consuming or self._in_hand:
            with suppress(AMQPError, OperationalError, OSError):
                self._send_pulse()  # so that the loop looks up now
            self._ended.wait()

    def on_message(self, body: Any, message: Message) -> None:
        self._in_hand[id(message)] = message
        super().on_message(body, message)

    def ack_message(self, message: Message) -> None:
        super().ack_message(message)
        self._in_hand.pop(id(message), None)

    def requeue_message(self, message: Message) -> None:
        super().requeue_message(message)
        self._in_hand.pop(id(message), None)

    def get_consumers(self, consumer_cls: Any, channel: Any) -> list[Any]:
        # What came over a line that died is delivered again.
        self._in_hand.clear()
        # Under a new name for each connection: the broker may still hold the one of a connection that died.
        self._id = str(uuid.uuid4())
        exchange = Exchange(RPC_EXCHANGE, type="topic", durable=True, no_declare=True)
        queue = Queue(pulse_queue(self._id), exchange, pulse_key(self._id), durable=False, exclusive=True, auto_delete=True)
        return [*super().get_consumers(consumer_cls, channel), consumer_cls(queues=[queue], callbacks=[self._on_pulse], no_ack=True)]

    def on_consume_ready(self, *args: Any, **kwargs: Any) -> None:
        self._consuming = True
        super().on_consume_ready(*args, **kwargs)

    def on_consume_end(self, *args: Any, **kwargs: Any) -> None:
        """It was told to stop, nothing more is delivered, and the line is still open."""
        self._consuming = False
        while self._in_hand:
            time.sleep(LOOK_EVERY_S)
        super().on_consume_end(*args, **kwargs)

    def on_connection_error(self, exc: Exception, interval: float) -> None:
        self._consuming = False
        super().on_connection_error(exc, interval)

    def check(self) -> None:
        """Raise Unavailable while nothing is consumed."""
        if not self._consuming:
            raise Unavailable("The broker's queue is not being consumed.")
        if time.monotonic() - self._returned_at < PULSE_EVERY_S:
            return
        self._returned.clear()
        self._send_pulse()
        if not self._returned.wait(PULSE_WITHIN_S):
            raise Unavailable(f"Nothing has come from the broker for {PULSE_WITHIN_S:.0f} s.")

    def _send_pulse(self) -> None:
        exchange = Exchange(RPC_EXCHANGE, type="topic", no_declare=True)
        self._publisher.publish("", exchange=exchange, routing_key=pulse_key(self._id), expiration=PULSE_WITHIN_S, delivery_mode=1)

    def _on_pulse(self, _body: Any, _message: Message) -> None:
        self._returned_at = time.monotonic()
        self._returned.set()
