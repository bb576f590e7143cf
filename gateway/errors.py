"""How errors look to a client: GraphQL errors, userErrors and problem+json, each with the code of the contract."""

import logging
from typing import Any

import msgspec
from graphql import GraphQLError

from services.contracts.errors import (
    Busy,
    Conflict,
    Forbidden,
    IdempotencyKeyReused,
    Internal,
    InvalidInput,
    LiveDropsError,
    NotFound,
    OrderRefused,
    RateLimited,
    Unauthenticated,
    Unavailable,
    VersionMissing,
    from_wire,
)
from services.contracts.orders import Placement

log = logging.getLogger("livedrops.gateway")
# What a person can mend is an answer of a mutation; the rest is an error of the request.
_USER_ERRORS = (InvalidInput, NotFound, Conflict, OrderRefused, Forbidden)
# The first that fits decides.
_STATUS: tuple[tuple[type[LiveDropsError], int], ...] = (
    (VersionMissing, 428),  # RFC 6585, section 3
    (InvalidInput, 400),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (IdempotencyKeyReused, 422),  # draft-ietf-httpapi-idempotency-key-header, section 2.7
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


def as_graphql(error: GraphQLError) -> dict[str, Any]:
    """One entry of a GraphQL answer's errors."""
    if error.original_error is None or isinstance(error.original_error, GraphQLError):  # the request itself is wrong
        extensions = {"code": InvalidInput.code, **(error.extensions or {})}
        return {**error.formatted, "extensions": extensions}
    ours = known(error.original_error)
    return {**error.formatted, "message": ours.message, "extensions": {"code": ours.code, **ours.data}}


def user_errors(error: LiveDropsError) -> list[dict[str, Any]]:
    """userErrors of a mutation's payload. Raises what is no answer but a failure of the request."""
    if not isinstance(error, _USER_ERRORS):
        raise error
    return [{"code": error.code, "message": error.message, "field": error.data.get("field")}]


def of_placement(placement: Placement) -> LiveDropsError:
    return from_wire(placement.error or Internal.code, placement.message, placement.data)


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
