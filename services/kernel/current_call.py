"""The call that a nameko worker serves, as a dependency of the service."""

from typing import Any

from nameko.extensions import DependencyProvider

from services.kernel import calls
from services.kernel.calls import Call

_KEY = "call"


def call_data(call: Call) -> dict[str, Any]:
    """A worker's context data that carries a call."""
    return {_KEY: call, "correlation_id": call.correlation_id}


class CurrentCall(DependencyProvider):  # type: ignore[misc]
    """Injects the Call, and makes it the current one of the worker's green thread (for logs and for calls it makes)."""

    def get_dependency(self, worker_ctx: Any) -> Call:
        call: Call = worker_ctx.data.get(_KEY) or calls.begin()
        calls.set_current(call)
        return call
