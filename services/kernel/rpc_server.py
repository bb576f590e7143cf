"""The RPC entrypoint of our nameko services: typed arguments, the caller's identity, deadlines, typed errors, fast replies.

It speaks nameko's protocol, so a stock ClusterRpcClient can call every RPC. It differs from nameko's own entrypoint in this:
replies are transient and unconfirmed (a lost reply is a call that the caller repeats), arguments are checked against the
service's Protocol before anything runs, and an error is its code and data.
"""

import logging
import time
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import msgspec
from amqp.exceptions import AMQPError
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError
from kombu.message import Message
from nameko import config as nameko_config
from nameko.amqp.publish import Publisher
from nameko.constants import AMQP_URI_CONFIG_KEY
from nameko.exceptions import BadRequest, ContainerBeingKilled
from nameko.rpc import Rpc as NamekoRpc
from nameko.rpc import RpcConsumer as NamekoRpcConsumer

from services.contracts.errors import Internal, InvalidInput, LiveDropsError
from services.contracts.signatures import Signature, signatures
from services.kernel import failpoints, traces, tracing, wire
from services.kernel.calls import Call
from services.kernel.consuming import WatchedConsumer
from services.kernel.current_call import call_data
from services.kernel.process import process
from services.kernel.topology import RPC_EXCHANGE, rpc_queue

log = logging.getLogger("livedrops.rpc")
TRANSIENT = 1
# How many calls a process takes from the broker before it has answered: enough to keep its workers busy.
PREFETCH = 64


class RpcConsumer(NamekoRpcConsumer):  # type: ignore[misc]
    """Consumes the service's RPC queue and answers."""

    consumer_cls = WatchedConsumer

    def __init__(self) -> None:
        super().__init__(prefetch_count=PREFETCH)
        self._replies: Publisher | None = None

    def setup(self) -> None:
        super().setup()
        # The exchange is the mesh's, declared with the broker's definitions: a service may not change it.
        exchange = Exchange(RPC_EXCHANGE, type="topic", durable=True, no_declare=True)
        service = self.container.service_name
        self.queue = Queue(rpc_queue(service), exchange=exchange, routing_key=f"{service}.*", durable=True)
        self.consumer.queues = [self.queue]
        process().take(f"rpc:{service}", self.consumer.check)
        # kombu would acknowledge such a call, and let its caller wait for nothing.
        self.consumer.on_decode_error = self._refuse_undecodable
        self._replies = Publisher(
            nameko_config[AMQP_URI_CONFIG_KEY],
            use_confirms=False,
            delivery_mode=TRANSIENT,
            exchange=exchange,
            transport_options={"confirm_publish": False},
        )

    def handle_message(self, body: Any, message: Message) -> None:
        call = wire.call_of(message.headers, message.properties.get("user_id"))
        try:
            provider = self.get_provider_for_method(message.delivery_info["routing_key"])
            provider.handle_call(body, message, call)
        except Exception as error:
            self.answer(message, None, error)

    def _refuse_undecodable(self, message: Message, error: Exception) -> None:
        self.answer(message, None, InvalidInput(f"The call is not JSON: {error}"))

    def answer(self, message: Message, result: Any, error: BaseException | None) -> None:
        """Reply, then acknowledge: a process that dies between is a call executed twice, which every RPC bears."""
        failpoints.reach("rpc.before_reply")
        reply_to = message.properties.get("reply_to")
        if reply_to:
            self._reply(_encoded(result, error), reply_to, message.properties.get("correlation_id"))
        self.consumer.ack_message(message)

    def _reply(self, body: bytes, reply_to: str, correlation_id: str | None) -> None:
        assert self._replies is not None
        try:
            self._replies.publish(
                body,
                serializer=None,
                content_type="application/json",
                content_encoding="utf-8",
                routing_key=reply_to,
                correlation_id=correlation_id,
            )
        except (AMQPError, OperationalError, OSError):
            # The connection is gone, and the reply with it. The broker delivers the call again, or the caller repeats it.
            log.warning("a reply was lost with the broker's connection", exc_info=True)


def _encoded(result: Any, error: BaseException | None) -> bytes:
    """A reply's body. A result that can't be put into JSON is a mistake of ours, and no reason for the process to end."""
    try:
        return msgspec.json.encode({"result": result, "error": wire.failure(_typed(error)) if error else None})
    except TypeError:
        log.exception("an answer can't be encoded")
        return msgspec.json.encode({"result": None, "error": wire.failure(Internal())})


def _typed(error: BaseException) -> LiveDropsError:
    if isinstance(error, LiveDropsError):
        return error
    if isinstance(error, BadRequest):
        return InvalidInput(f"{type(error).__name__}: {error}")
    return Internal()  # nameko has logged it, with its stack


class Rpc(NamekoRpc):  # type: ignore[misc]
    """An RPC of a service whose class names its Protocol as `contract`."""

    rpc_consumer = RpcConsumer()
    _signature: Signature

    def setup(self) -> None:
        super().setup()
        self._signature = signatures(self.container.service_cls.contract)[self.method_name]

    def handle_call(self, body: Any, message: Message, call: Call) -> None:
        args, kwargs = _arguments(body)
        values = self._signature.accept(args, kwargs)
        # A green thread waits for a free worker, so that the consumer goes on sending heartbeats.
        self.container.spawn_managed_thread(partial(self._work, values, message, call), identifier=f"rpc.{self.method_name}")

    def _work(self, values: dict[str, Any], message: Message, call: Call) -> None:
        name, kind, attributes = wire.span_of("server", self.container.service_name, self.method_name)
        span, trace = tracing.enter(name, kind, traces.read(message.headers.get(traces.HEADER)), attributes)
        if trace is not None:
            call = msgspec.structs.replace(call, trace=trace)
        done = partial(self._finish, message, time.perf_counter(), span)
        try:
            self.container.spawn_worker(self, (), values, context_data=call_data(call), handle_result=done)
        except ContainerBeingKilled:
            self.rpc_consumer.consumer.requeue_message(message)

    def _finish(
        self, message: Message, begin: float, span: tracing.Span | None, _worker: Any, result: Any, exc_info: Any
    ) -> tuple[Any, Any]:
        error = exc_info[1] if exc_info else None
        name = f"rpc.server.{self.container.service_name}.{self.method_name}"
        metrics = process().metrics
        metrics.timing(name, time.perf_counter() - begin)
        if error is not None:
            metrics.count(f"{name}.failed.{error.code if isinstance(error, LiveDropsError) else Internal.code}")
        self.rpc_consumer.answer(message, result, error)
        tracing.finish(span, error)
        return result, exc_info


def _arguments(body: Any) -> tuple[list[Any], dict[str, Any]]:
    if not isinstance(body, dict) or not isinstance(body.get("args"), list) or not isinstance(body.get("kwargs"), dict):
        raise InvalidInput('An RPC message is {"args": [...], "kwargs": {...}}.')
    return body["args"], body["kwargs"]


def rpc(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make a method of a service an RPC. The service has a CurrentCall as `call`.

    LiveDropsErrors are expected and travel to the caller; anything else is logged and answered as INTERNAL.
    """

    @wraps(method)
    def in_time(self: Any, **kwargs: Any) -> Any:
        self.call.require_time()
        return method(self, **kwargs)

    return Rpc.decorator(expected_exceptions=(LiveDropsError,))(in_time)  # type: ignore[no-any-return]
