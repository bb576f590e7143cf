"""What every request brings and every answer carries, whatever it is about."""

from typing import Any

from gateway.settings import GatewaySettings
from services.kernel import calls
from services.kernel.wire import MAX_CORRELATION_ID

REQUEST_ID = "X-Request-Id"
SAME_HEADERS = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"))


def correlation_id(environ: dict[str, Any]) -> str:
    """The client's own, where it is one; a new one otherwise."""
    given: str = environ.get("HTTP_X_REQUEST_ID", "")
    return given if 0 < len(given) <= MAX_CORRELATION_ID and given.isascii() and given.isprintable() else calls.new_correlation_id()


def address(environ: dict[str, Any], settings: GatewaySettings) -> str:
    """Where the client is, as far as the ingress is to be believed."""
    forwarded: str = environ.get("HTTP_X_FORWARDED_FOR", "") if settings.trust_forwarded_for else ""
    return forwarded.rpartition(",")[2].strip()[:60] or environ.get("REMOTE_ADDR") or "unknown"
