"""What REST reads of a request, and how it answers."""

from typing import Any, cast

import msgspec
from flask import Response, request

from gateway import errors, inputs
from services.contracts.errors import InvalidInput, LiveDropsError
from services.kernel import calls

JSON = "application/json"


def body(allowed: set[str]) -> dict[str, Any]:
    """The request's body: a JSON object with no other field than these. Raises InvalidInput."""
    if request.mimetype != JSON:
        raise InvalidInput("Send the body as application/json.", field="Content-Type")
    sent = inputs.json_of(inputs.body_of(request))
    if not isinstance(sent, dict):
        raise InvalidInput("The body must be a JSON object.")
    _refuse_unknown(set(sent), allowed)
    return cast("dict[str, Any]", sent)


def query(allowed: set[str]) -> dict[str, str]:
    """The query string's parameters: no other than these, each once. Raises InvalidInput."""
    sent = request.args.to_dict(flat=False)
    _refuse_unknown(set(sent), allowed)
    if repeated := [name for name, values in sent.items() if len(values) > 1]:
        raise InvalidInput(f"Send {repeated[0]} once.", field=repeated[0])
    return {name: values[0] for name, values in sent.items()}


def _refuse_unknown(sent: set[str], allowed: set[str]) -> None:
    if unknown := sorted(sent - allowed):
        raise InvalidInput(f"Unknown field {unknown[0]!r}.", field=unknown[0])


def answer(sent: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(sent), status, headers, content_type=f"{JSON}; charset=utf-8")


def problem(error: LiveDropsError) -> Response:
    """The answer for an error."""
    details = errors.as_problem(error, calls.current().correlation_id)
    return Response(
        msgspec.json.encode(details),
        errors.status_of(error),
        errors.headers_of(error),
        content_type="application/problem+json; charset=utf-8",
    )
