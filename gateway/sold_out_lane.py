"""The short way of an order that comes too late, before Flask and GraphQL's execution: what a sold-out drop answers, thousands of times a second.

What such an answer says depends on the document alone, so it is executed once and then known by the document's text. Whatever is not
exactly that (another shape, no sign-in, a limit, a drop with units, a key that may have an order) goes the ordinary way, unchanged.
"""

import time
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO
from types import SimpleNamespace
from typing import TYPE_CHECKING

import msgspec
from graphql import DocumentNode, FieldNode, GraphQLSchema, OperationDefinitionNode, VariableNode
from graphql_server import execute_sync

from gateway import inputs, visits
from gateway.checkout import SOLD_OUT
from gateway.context import Gateway
from gateway.documents import REMEMBERED, Documents
from services.contracts.errors import InvalidInput, RateLimited, Unauthenticated
from services.contracts.orders import PlaceOrder
from services.kernel import calls
from services.kernel.calls import Viewer
from services.kernel.web import REQUEST_ID, correlation_id_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

JSON = "application/json"


class _Input(msgspec.Struct, forbid_unknown_fields=True):
    """PlaceOrderInput as clients send it."""

    dropId: str  # noqa: N815  # the name in the schema
    idempotencyKey: str  # noqa: N815
    quantity: int = 1


class _Body(msgspec.Struct):
    query: str
    variables: dict[str, _Input]
    operationName: str | None = None  # noqa: N815


class _Answer(msgspec.Struct, frozen=True):
    """What a document answers for a sold-out drop. variable: the one that holds the input. points: what the rate limits count."""

    variable: str
    operation: str | None
    points: int
    body: bytes


class SoldOutLane:
    """WSGI, in front of the application."""

    def __init__(self, application: "WSGIApplication", gateway: Gateway, schema: GraphQLSchema, documents: Documents) -> None:
        self._application = application
        self._gateway = gateway
        self._decoder = msgspec.json.Decoder(_Body)
        self._answer = lru_cache(maxsize=REMEMBERED)(lambda text: answer_of(schema, documents, text))

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if self._gateway.sold_out.knows_any() and _is_plain_post(environ) and (body := _read(environ, self._gateway)) is not None:
            began = time.perf_counter()
            answer = self._late(environ, body)
            if answer is not None:
                self._gateway.process.metrics.timing("http.graphql.200", time.perf_counter() - began)
                start_response("200 OK", _headers(environ, len(answer)))
                return (answer,)
        return self._application(environ, start_response)

    def _late(self, environ: "WSGIEnvironment", body: bytes) -> bytes | None:
        """The answer to an order that is surely too late; None for everything else."""
        try:
            asked = self._decoder.decode(body)
            answer = self._answer(asked.query)
            if answer is None or asked.variables.keys() != {answer.variable} or asked.operationName not in (None, answer.operation):
                return None
            viewer = self._gateway.tokens.viewer(environ.get("HTTP_AUTHORIZATION"))
            if viewer is None or not self._refuses(_request(asked.variables[answer.variable], viewer)):
                return None
            self._gateway.charge(viewer, visits.address(environ, self._gateway.settings), answer.points)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidInput, Unauthenticated, RateLimited):
            return None
        return answer.body

    def _refuses(self, request: PlaceOrder) -> bool:
        return self._gateway.sold_out.refuses(request.drop_id, request.user_id, request.key)


def answer_of(schema: GraphQLSchema, documents: Documents, text: str) -> _Answer | None:
    """What this document answers for a sold-out drop; None where that depends on more than `mutation($i: ...) {placeOrder(input: $i) {...}}`."""
    prepared = documents.prepare(text)
    if prepared.errors or prepared.document is None or (operation := _only_order(prepared.document)) is None:
        return None
    variable = operation.variable_definitions[0].variable.name.value
    nobody = SimpleNamespace(id="00000000-0000-0000-0000-000000000000")
    context = SimpleNamespace(
        require_viewer=lambda: nobody, gateway=SimpleNamespace(checkout=SimpleNamespace(place=lambda request: SOLD_OUT))
    )
    wish = {"dropId": nobody.id, "idempotencyKey": "any"}
    result = execute_sync(schema, prepared.document, variable_values={variable: wish}, context_value=context)
    if result.errors:
        return None
    name = operation.name.value if operation.name else None
    return _Answer(variable, name, prepared.points, msgspec.json.encode({"data": result.data}))


def _only_order(document: DocumentNode) -> OperationDefinitionNode | None:
    """The operation, where it is the whole document and nothing but placeOrder of one variable; directives could make it another."""
    operation = document.definitions[0]
    if len(document.definitions) != 1 or not isinstance(operation, OperationDefinitionNode) or len(operation.variable_definitions) != 1:
        return None
    field = operation.selection_set.selections[0]
    if len(operation.selection_set.selections) != 1 or not isinstance(field, FieldNode) or field.name.value != "placeOrder":
        return None
    is_variable = len(field.arguments) == 1 and isinstance(field.arguments[0].value, VariableNode)
    return operation if is_variable and "@" not in _text(document) else None


def _text(document: DocumentNode) -> str:
    return document.loc.source.body if document.loc else "@"


def _request(wish: _Input, viewer: Viewer) -> PlaceOrder:
    return inputs.place_order(wish.dropId, viewer.id, wish.quantity, wish.idempotencyKey)


def _is_plain_post(environ: "WSGIEnvironment") -> bool:
    return (
        environ["REQUEST_METHOD"] == "POST"
        and environ["PATH_INFO"] == "/graphql"
        and environ.get("CONTENT_TYPE", "").partition(";")[0] == JSON
        and "graphql-response" not in environ.get("HTTP_ACCEPT", "")
    )


def _read(environ: "WSGIEnvironment", gateway: Gateway) -> bytes | None:
    """The body, and the same once more for the ordinary way; None for one that Flask must judge."""
    length = environ.get("CONTENT_LENGTH", "")
    if not length.isdecimal() or int(length) > gateway.settings.max_body_bytes:
        return None
    body: bytes = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = BytesIO(body)
    return body


def _headers(environ: "WSGIEnvironment", length: int) -> list[tuple[str, str]]:
    return [
        ("Content-Type", f"{JSON}; charset=utf-8"),
        ("Content-Length", str(length)),
        (REQUEST_ID, correlation_id_of(environ) or calls.new_correlation_id()),
        *visits.SAME_HEADERS,
    ]
