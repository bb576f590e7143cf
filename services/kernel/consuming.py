"""A nameko consumer that knows whether it is consuming: what it sends to itself comes back.

A process can have an open port and an open connection and yet take nothing from the broker: its consumer was cancelled, or
the line is cut in a way that nobody is told of. So readiness is a round trip: a message out, through a queue that only this
consumer has, and in over the channel and the loop that also bring its work. (Through the queue of its work a message would
wait behind the work, and might come to another process that shares the queue.)
"""

import threading
import time
import uuid
from typing import Any

from kombu import Exchange, Queue
from kombu.message import Message
from nameko.amqp.consume import Consumer
from nameko.amqp.publish import Publisher

from services.contracts.errors import Unavailable
from services.kernel.topology import RPC_EXCHANGE, pulse_key, pulse_queue

# A round trip takes some milliseconds; a process that has been so long without one does no work that anybody waits for.
PULSE_WITHIN_S = 2.0
# Who asks again within this gets the last answer: several may ask, and often.
PULSE_EVERY_S = 1.0


class WatchedConsumer(Consumer):  # type: ignore[misc]
    """nameko's consumer, for a readiness check."""

    def __init__(self, amqp_uri: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(amqp_uri, *args, **kwargs)
        self._consuming = False
        # Unconfirmed: nothing waits on a line that takes everything and hands on nothing. An RPC server's replies go over the same connection.
        self._publisher = Publisher(amqp_uri, use_confirms=False, transport_options={"confirm_publish": False})
        self._id = ""
        self._returned_at = float("-inf")
        self._returned = threading.Event()

    def get_consumers(self, consumer_cls: Any, channel: Any) -> list[Any]:
        # Under a new name for each connection: the broker may still hold the one of a connection that died.
        self._id = str(uuid.uuid4())
        exchange = Exchange(RPC_EXCHANGE, type="topic", durable=True, no_declare=True)
        queue = Queue(pulse_queue(self._id), exchange, pulse_key(self._id), durable=False, exclusive=True, auto_delete=True)
        return [*super().get_consumers(consumer_cls, channel), consumer_cls(queues=[queue], callbacks=[self._on_pulse], no_ack=True)]

    def on_consume_ready(self, *args: Any, **kwargs: Any) -> None:
        self._consuming = True
        super().on_consume_ready(*args, **kwargs)

    def on_consume_end(self, *args: Any, **kwargs: Any) -> None:
        self._consuming = False
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
