"""The multiplexing RPC client: any number of threads, one connection, one reply queue.

Replies find their caller by correlation id, so they are never mixed. When the broker restarts, calls that still have
time are sent again on the new connection: every RPC of ours can be repeated. A message expires with its call's deadline,
so nobody works for a caller who has gone.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, Generic, TypeVar, cast

import msgspec
import pika
from pika.channel import Channel
from pika.spec import Basic, BasicProperties

from services.contracts.errors import Busy, DeadlineExceeded, Unavailable
from services.contracts.signatures import signatures
from services.kernel import calls, tracing, wire
from services.kernel.amqp import AmqpThread
from services.kernel.metrics import Metrics
from services.kernel.topology import RPC_EXCHANGE

log = logging.getLogger("livedrops.rpc")
P = TypeVar("P")
R = TypeVar("R")
# More calls than this at once can't be answered in time; refusing at once is kinder than a queue in memory.
MAX_PENDING = 5_000


class _Reply(msgspec.Struct, Generic[R]):
    result: R | None = None
    error: wire.RemoteFailure | None = None


@dataclass
class _Pending:
    """A call under way. `done` is released once, with body or error set."""

    routing_key: str
    body: bytes
    headers: dict[str, Any]
    deadline: float
    done: threading.Lock = field(default_factory=threading.Lock)
    reply: bytes | None = None
    error: Exception | None = None

    def finish(self, reply: bytes | None = None, error: Exception | None = None) -> None:
        if self.reply is None and self.error is None:
            self.reply, self.error = reply, error
            self.done.release()


class RpcClient:
    """Calls services over the broker. One for a process; start() before use, stop() at the end."""

    def __init__(self, url: str, name: str, metrics: Metrics) -> None:
        self._amqp = AmqpThread(url, self, f"{name}.rpc")
        self._name = name
        self._metrics = metrics
        self._pending: dict[str, _Pending] = {}
        self._channel: Channel | None = None
        self._reply_to = ""

    def start(self) -> None:
        self._amqp.start()

    def stop(self) -> None:
        """Whoever still waits is told so at once: no answer can come any more."""
        self._amqp.stop()
        for pending in list(self._pending.values()):
            pending.finish(error=Unavailable("This process is about to end."))

    def check(self) -> None:
        """Raise Unavailable while there is no connection."""
        if not self._amqp.is_open():
            raise Unavailable("The broker can't be reached.")

    def wait_open(self, timeout_s: float) -> bool:
        return self._amqp.wait_open(timeout_s)

    def service(self, name: str, protocol: Callable[..., P]) -> P:
        """A service's methods, as its Protocol declares them. They raise LiveDropsError."""
        return cast(P, _Service(self, name, cast(type, protocol)))

    def call(self, service: str, method: str, kwargs: dict[str, Any], decoder: "msgspec.json.Decoder[_Reply[R]]") -> R | None:
        """One call under the context of the current one. Raises LiveDropsError: DeadlineExceeded, Unavailable, or the service's own."""
        timeout_s = calls.current().remaining_s()
        if timeout_s <= 0:
            raise DeadlineExceeded()
        with self._metrics.timed(f"rpc.client.{service}.{method}"), tracing.part(*wire.span_of("client", service, method)):
            headers = wire.headers_of(calls.current(), timeout_s)
            body = msgspec.json.encode({"args": [], "kwargs": kwargs})
            raw = self._exchange(_Pending(f"{service}.{method}", body, headers, time.monotonic() + timeout_s))
            reply = decoder.decode(raw)
            if reply.error is not None:
                raise reply.error.to_error()
            return reply.result

    def _exchange(self, pending: _Pending) -> bytes:
        if len(self._pending) >= MAX_PENDING:
            raise Busy(retry_after_s=1)
        correlation_id = str(uuid.uuid4())
        pending.done.acquire()
        self._pending[correlation_id] = pending
        try:
            self._amqp.run_soon(partial(self._send, correlation_id))
            if not pending.done.acquire(timeout=max(0.0, pending.deadline - time.monotonic())):
                raise DeadlineExceeded()
        finally:
            self._pending.pop(correlation_id, None)
        if pending.error is not None:
            raise pending.error
        assert pending.reply is not None
        return pending.reply

    # In the I/O thread from here on.

    def opened(self, channel: Channel) -> None:
        self._channel = channel
        self._reply_to = str(uuid.uuid4())
        queue = f"rpc.reply-{self._name}-{self._reply_to}"
        channel.add_on_return_callback(self._returned)
        channel.queue_declare(queue, exclusive=True, auto_delete=True, callback=lambda _: self._bind(channel, queue))

    def _bind(self, channel: Channel, queue: str) -> None:
        channel.queue_bind(queue, RPC_EXCHANGE, self._reply_to, callback=lambda _: self._consume(channel, queue))

    def _consume(self, channel: Channel, queue: str) -> None:
        channel.basic_consume(queue, self._replied, auto_ack=True, exclusive=True, callback=lambda _: self._ready())

    def _ready(self) -> None:
        unanswered = list(self._pending)
        for correlation_id in unanswered:
            self._send(correlation_id)
        self._amqp.ready()

    def lost(self) -> None:
        self._channel = None

    def _send(self, correlation_id: str) -> None:
        pending = self._pending.get(correlation_id)
        if pending is None or self._channel is None or not self._channel.is_open:
            return
        remaining_ms = int((pending.deadline - time.monotonic()) * 1000)
        if remaining_ms <= 0:
            return
        properties = BasicProperties(
            content_type="application/json",
            content_encoding="utf-8",
            headers={**pending.headers, wire.TIMEOUT_MS: remaining_ms},
            delivery_mode=pika.DeliveryMode.Transient.value,
            correlation_id=correlation_id,
            reply_to=self._reply_to,
            expiration=str(remaining_ms),
            user_id=self._amqp.user,
        )
        self._channel.basic_publish(RPC_EXCHANGE, pending.routing_key, pending.body, properties, mandatory=True)

    def _replied(self, _channel: Channel, _method: Basic.Deliver, properties: BasicProperties, body: bytes) -> None:
        pending = self._pending.get(properties.correlation_id or "")
        if pending is not None:
            pending.finish(reply=body)

    def _returned(self, _channel: Channel, method: Basic.Return, properties: BasicProperties, _body: bytes) -> None:
        pending = self._pending.get(properties.correlation_id or "")
        if pending is not None:
            pending.finish(error=Unavailable(f"No service answers to {method.routing_key}."))


class _Service:
    """The methods of one service. Made by RpcClient.service."""

    def __init__(self, client: RpcClient, name: str, protocol: type) -> None:
        for method, signature in signatures(protocol).items():
            setattr(self, method, _method(client, name, method, _decoder(signature.result)))


def _method(client: RpcClient, service: str, method: str, decoder: "msgspec.json.Decoder[_Reply[Any]]") -> Callable[..., Any]:
    def call(**kwargs: Any) -> Any:
        return client.call(service, method, kwargs, decoder)

    return call


@cache
def _decoder(result: Any) -> "msgspec.json.Decoder[_Reply[Any]]":
    return msgspec.json.Decoder(_Reply[result])
