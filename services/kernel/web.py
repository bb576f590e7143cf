"""What our Flask applications have in common."""

from typing import Any

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface

from services.kernel import health
from services.kernel.process import Process
from services.kernel.wire import MAX_CORRELATION_ID

REQUEST_ID = "X-Request-Id"


def correlation_id_of(environ: dict[str, Any]) -> str | None:
    """The one that came with the request, where it is fit for a log."""
    given: str = environ.get("HTTP_X_REQUEST_ID", "")
    return given if 0 < len(given) <= MAX_CORRELATION_ID and given.isascii() and given.isprintable() else None


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
