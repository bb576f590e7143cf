"""What every request brings and every answer carries, whatever it is about."""

from typing import Any

from gateway.settings import GatewaySettings

SAME_HEADERS = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"))


def address(environ: dict[str, Any], settings: GatewaySettings) -> str:
    """Where the client is, as far as the ingress is to be believed."""
    forwarded: str = environ.get("HTTP_X_FORWARDED_FOR", "") if settings.trust_forwarded_for else ""
    return forwarded.rpartition(",")[2].strip()[:60] or environ.get("REMOTE_ADDR") or "unknown"
