"""How an RPC looks on the broker: nameko's messages, and our headers beside them.

Request: topic exchange nameko-rpc, key service.method, JSON {"args": [...], "kwargs": {...}}, reply_to and correlation_id.
Reply: the same exchange, keyed by reply_to, JSON {"result": ..., "error": null or {...}}; the error has nameko's four keys,
so a stock client understands it, and our code and data.
Headers carry the call's context. Times travel as what remains, never as a time of day.
"""

from functools import cache
from typing import Any

import msgspec

from services.contracts import rights
from services.contracts.errors import Internal, LiveDropsError, from_wire
from services.kernel import calls, traces, tracing
from services.kernel.calls import Call, Viewer

# nameko puts this before the names of its context data, and hands such headers on to the calls that a call makes.
_PREFIX = "nameko."
CORRELATION_ID = _PREFIX + "correlation_id"
TIMEOUT_MS = _PREFIX + "timeout_ms"
VIEWER = _PREFIX + "viewer"
# On an event that failed: how often it was tried, and on a dead letter what was raised at the last try.
ATTEMPT = "x-livedrops-attempt"
ERROR = "x-livedrops-error"
# Longer ids are somebody's mistake and would fill every log line.
MAX_CORRELATION_ID = 128


class RemoteFailure(msgspec.Struct):
    """An error in a reply, ours or stock nameko's."""

    exc_type: str = ""
    exc_path: str = ""
    exc_args: list[Any] = []
    value: Any = None
    code: str | None = None
    data: dict[str, Any] = {}

    def to_error(self) -> LiveDropsError:
        if self.code:
            return from_wire(self.code, str(self.value), self.data)
        return Internal(f"{self.exc_type}: {self.value}")


def failure(error: LiveDropsError) -> dict[str, Any]:
    """An error as it is put into a reply."""
    kind = type(error)
    return {
        "exc_type": kind.__name__,
        "exc_path": f"{kind.__module__}.{kind.__name__}",
        "exc_args": [error.message],
        "value": error.message,
        "code": error.code,
        "data": error.data,
    }


@cache  # of the mesh's RPCs
def span_of(kind: tracing.Kind, service: str, method: str) -> tuple[str, tracing.Kind, tracing.Attributes]:
    """Name, kind and attributes of the span of an RPC: https://opentelemetry.io/docs/specs/semconv/rpc/"""
    name = f"{service}/{method}"
    return name, kind, {"rpc.system.name": "nameko", "rpc.method": name, "messaging.system": "rabbitmq"}


def headers_of(call: Call, timeout_s: float) -> dict[str, Any]:
    """The headers that carry a call's context."""
    headers: dict[str, Any] = {CORRELATION_ID: call.correlation_id, TIMEOUT_MS: max(1, int(timeout_s * 1000))}
    if call.trace:
        headers[traces.HEADER] = call.trace.text()
    if call.viewer:
        headers[VIEWER] = msgspec.json.encode(call.viewer).decode()
    return headers


def call_of(headers: dict[str, Any], user_id: str | None) -> Call:
    """The call that a message's headers and broker-validated user-id describe.

    A viewer is believed only in a message of the gateway; in any other it is ignored.
    """
    viewer = None
    if user_id == rights.GATEWAY and headers.get(VIEWER):
        viewer = msgspec.json.decode(headers[VIEWER], type=Viewer)
    timeout_s, correlation_id = _timeout_s(headers.get(TIMEOUT_MS)), _correlation_id(headers.get(CORRELATION_ID))
    return calls.begin(timeout_s, correlation_id, user_id, viewer)


def _timeout_s(value: object) -> float:
    if isinstance(value, int | float) and value > 0:
        return value / 1000
    return calls.DEFAULT_TIMEOUT_S


def _correlation_id(value: object) -> str | None:
    return value[:MAX_CORRELATION_ID] if isinstance(value, str) and value.isprintable() else None
