"""How errors look over HTTP: a status, headers and problem+json (RFC 9457), each with the code of the contract."""

import logging
from typing import Any

import msgspec

from services.contracts.errors import (
    Busy,
    ChecksumMismatch,
    Conflict,
    Forbidden,
    IdempotencyKeyReused,
    Internal,
    InvalidInput,
    LiveDropsError,
    MediaRejected,
    NotFound,
    OrderRefused,
    RateLimited,
    TusVersionMismatch,
    TypeNotAllowed,
    Unauthenticated,
    Unavailable,
    UploadGone,
    UploadTaken,
    UploadTooLarge,
    VersionMissing,
)

log = logging.getLogger("livedrops.http")
PROBLEM_JSON = "application/problem+json"
# The first that fits decides.
_STATUS: tuple[tuple[type[LiveDropsError], int], ...] = (
    (VersionMissing, 428),  # RFC 6585, section 3
    (UploadTooLarge, 413),
    (TypeNotAllowed, 415),
    (ChecksumMismatch, 460),  # tus 1.0, Checksum
    (TusVersionMismatch, 412),  # tus 1.0, Tus-Version
    (InvalidInput, 400),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (UploadGone, 410),
    (NotFound, 404),
    (IdempotencyKeyReused, 422),  # draft-ietf-httpapi-idempotency-key-header, section 2.7
    (UploadTaken, 423),
    (MediaRejected, 422),
    (Conflict, 409),
    (OrderRefused, 409),
    (RateLimited, 429),
    (Busy, 503),
    (Unavailable, 503),
)
# A client that is told nothing better comes back after this.
RETRY_AFTER_S = 1


def status_of(error: LiveDropsError) -> int:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def headers_of(error: LiveDropsError) -> dict[str, str]:
    """Retry-After where it helps, WWW-Authenticate where it is due."""
    if isinstance(error, Unavailable):
        return {"Retry-After": str(error.data.get("retry_after_s", RETRY_AFTER_S))}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}


def known(error: BaseException) -> LiveDropsError:
    """The error as a client may see it; one that we did not foresee is logged and becomes INTERNAL."""
    if isinstance(error, LiveDropsError):
        return error
    if isinstance(error, msgspec.ValidationError):
        return InvalidInput(str(error))
    log.error("a request failed", exc_info=error)
    return Internal()


def as_problem(error: LiveDropsError, correlation_id: str, status: int) -> dict[str, Any]:
    """RFC 9457 problem details. The code is the type's last part."""
    return {
        "type": f"urn:livedrops:error:{error.code}",
        "title": error.sentence,
        "status": status,
        "detail": error.message,
        "code": error.code,
        "requestId": correlation_id,
        **{name: value for name, value in error.data.items() if name not in ("type", "title", "status")},
    }
