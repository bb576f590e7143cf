"""What our Flask applications have in common."""

from typing import Any

import msgspec
from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface
from werkzeug.exceptions import HTTPException

from services.contracts.errors import InvalidInput, LiveDropsError, NotFound
from services.kernel import calls, health, problems, traces, tracing
from services.kernel.process import Process
from services.kernel.wire import MAX_CORRELATION_ID

REQUEST_ID = "X-Request-Id"
# Asked every other second by everybody who looks after us: no trace.
_HEALTH = ("/livez", "/readyz")


def correlation_id_of(environ: dict[str, Any]) -> str | None:
    """The one that came with the request, where it is fit for a log."""
    given: str = environ.get("HTTP_X_REQUEST_ID", "")
    return given if 0 < len(given) <= MAX_CORRELATION_ID and given.isascii() and given.isprintable() else None


def enter_traced(method: str, route: str, path: str, traceparent: str) -> tuple[tracing.Span | None, traces.Trace | None]:
    """The span of a request, where it is recorded, and its place in a trace: https://opentelemetry.io/docs/specs/semconv/http/http-spans/

    route: as we call the address, without what is different for each.
    """
    if not tracing.is_on() or path in _HEALTH:
        return None, None
    attributes = {"http.request.method": method, "http.route": route, "url.path": path, "url.scheme": "http"}
    return tracing.enter(f"{method} {route}", "server", traces.read(traceparent), attributes, is_public=True)


def problem(error: LiveDropsError, status: int | None = None) -> Response:
    """The answer for an error, as problem+json. status: where it is not the one that the error stands for."""
    status = status or problems.status_of(error)
    details = problems.as_problem(error, calls.current().correlation_id, status)
    body = msgspec.json.encode(details)
    return Response(body, status, problems.headers_of(error), content_type=f"{problems.PROBLEM_JSON}; charset=utf-8")


def of_http(error: HTTPException) -> LiveDropsError:
    """Flask's own errors as ours: no such address, wrong method, body too large."""
    return NotFound("There is nothing at this address.") if error.code == 404 else InvalidInput(error.description or error.name)


def add_health(app: Flask, process: Process) -> None:
    """/livez and /readyz."""

    def ready() -> tuple[dict[str, Any], int]:
        well, parts = health.report(process)
        return {"ready": well, "parts": parts}, 200 if well else 503

    app.add_url_rule("/livez", "livez", lambda: {"live": True})
    app.add_url_rule("/readyz", "readyz", ready)


class NoSessions(SessionInterface):
    """Who asks is in the token: no cookie is read or written."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        return self._none
