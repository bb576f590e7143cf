"""What every request brings and every answer carries, whatever it is about."""

from typing import Any

from gateway.settings import DoorSettings

SAME_HEADERS = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"))


def address(environ: dict[str, Any], settings: DoorSettings) -> str:
    """Where the client is, as far as the ingress is to be believed."""
    return address_of(environ.get("HTTP_X_FORWARDED_FOR", ""), environ.get("REMOTE_ADDR"), settings)


def address_of(forwarded: str, peer: str | None, settings: DoorSettings) -> str:
    """The same from what X-Forwarded-For says and the address of who connected."""
    claimed = forwarded if settings.trust_forwarded_for else ""
    return claimed.rpartition(",")[2].strip()[:60] or peer or "unknown"
