"""What REST reads of a request, and how it answers."""

import re
from typing import Any, cast
from urllib.parse import urlencode

import msgspec
from flask import Response, g, request

from gateway import inputs
from gateway.context import Gateway, RequestContext
from gateway.documents import FIELD_POINTS
from services.contracts.errors import InvalidInput, LiveDropsError, StaleVersion, VersionMissing
from services.kernel import web

JSON = "application/json"

_VERSION_TAG = re.compile(r'^"(\d{1,15})"$', re.ASCII)


def body(allowed: set[str]) -> dict[str, Any]:
    """The request's body: a JSON object with no other field than these. Raises InvalidInput."""
    if request.mimetype != JSON:
        raise InvalidInput("Send the body as application/json.", field="Content-Type")
    sent = inputs.json_of(inputs.body_of(request))
    if not isinstance(sent, dict):
        raise InvalidInput("The body must be a JSON object.")
    inputs.refuse_unknown(set(sent), allowed)
    return cast("dict[str, Any]", sent)


def query(allowed: set[str]) -> dict[str, str]:
    """The query string's parameters: no other than these, each once. Raises InvalidInput."""
    sent = request.args.to_dict(flat=False)
    inputs.refuse_unknown(set(sent), allowed)
    if repeated := [name for name, values in sent.items() if len(values) > 1]:
        raise InvalidInput(f"Send {repeated[0]} once.", field=repeated[0])
    return {name: values[0] for name, values in sent.items()}


def answer(sent: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(sent), status, headers, content_type=f"{JSON}; charset=utf-8")


def signed_in(gateway: Gateway, mutation: str) -> RequestContext:
    """The request of somebody who is signed in, charged like this mutation of GraphQL. Raises Unauthenticated, RateLimited."""
    context = RequestContext(gateway, g.visit)
    context.require_viewer()
    context.charge(FIELD_POINTS[mutation])
    return context


def idempotency_key() -> str:
    """The key that makes a retry the same wish. Raises InvalidInput."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        raise InvalidInput("Send an Idempotency-Key header: new for each wish, the same for its retries.", field="Idempotency-Key")
    return inputs.idempotency_key(key, "Idempotency-Key")


def expected_version() -> int:
    """The version that If-Match names, as ETag gave it. Raises VersionMissing, InvalidInput."""
    sent = request.headers.get("If-Match")
    if sent is None:
        raise VersionMissing('Send the version that you have read as If-Match: "version".', field="If-Match")
    tag = _VERSION_TAG.match(sent.strip())
    if tag is None:
        raise InvalidInput('If-Match must be one version in quotes, as ETag gave it: "3".', field="If-Match")
    return int(tag[1])


def etag(version: int | None) -> dict[str, str]:
    """The header by which a client can say later which version it has read; none where there is no version."""
    return {} if version is None else {"ETag": f'"{version}"'}


def link_to_next(asked: dict[str, str], next: str | None) -> dict[str, str]:
    """The address of the next page in a Link header (RFC 8288). By cursor: a page by its number costs all before it."""
    if next is None:
        return {}
    kept = {name: value for name, value in asked.items() if name != "page"}
    return {"Link": f'<{request.path}?{urlencode({**kept, "after": next})}>; rel="next"'}


def problem(error: LiveDropsError, status: int | None = None) -> Response:
    """The answer for an error. status: where it is not the one that the error stands for."""
    # RFC 9110, section 13.1.1: what If-Match named is no more the version.
    is_stale = isinstance(error, StaleVersion) and "If-Match" in request.headers
    return web.problem(error, status or (412 if is_stale else None))
