"""The short way of an order, before Flask: what thousands ask for in the same second.

It is for a request that is nothing but `placeOrder` of one variable, by somebody signed in, with a good input; everything else, whatever is
wrong included, goes the ordinary way, unchanged. The same checks in the same order, and the same answers to the byte.

What a sold-out drop answers depends on the document alone, so it is executed once and then known by the document's text.
"""

import time
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO
from types import SimpleNamespace
from typing import TYPE_CHECKING

import msgspec
from flask import Response
from graphql import DocumentNode, FieldNode, GraphQLSchema, OperationDefinitionNode, VariableNode
from graphql_server import execute_sync

from gateway import inputs, visits
from gateway.checkout import ORDER_TIMEOUT_S, SOLD_OUT
from gateway.context import Gateway, RequestContext, Visit
from gateway.documents import REMEMBERED, Documents
from gateway.graphql_view import JSON, LiveDropsGraphQLView
from services.contracts.errors import InvalidInput, RateLimited, SoldOut, Unauthenticated
from services.kernel import calls, tracing
from services.kernel.calls import Viewer
from services.kernel.web import REQUEST_ID, correlation_id_of, enter_traced

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class _Input(msgspec.Struct, forbid_unknown_fields=True):
    """PlaceOrderInput as clients send it."""

    dropId: str  # noqa: N815  # the name in the schema
    idempotencyKey: str  # noqa: N815
    quantity: int = 1


class _Body(msgspec.Struct):
    query: str
    variables: dict[str, _Input]
    operationName: str | None = None  # noqa: N815


class KnownDocument(msgspec.Struct, frozen=True):
    """A document that only buys. variable: the one that holds the input. points: what the rate limits count. sold_out: its answer then."""

    document: DocumentNode
    variable: str
    operation: str | None
    points: int
    sold_out: bytes


class _Order(msgspec.Struct, frozen=True):
    """What is asked, by whom, from where."""

    known: KnownDocument
    wish: _Input
    viewer: Viewer
    address: str
    is_late: bool


class OrderLane:
    """WSGI, in front of the application."""

    def __init__(self, application: "WSGIApplication", gateway: Gateway, view: LiveDropsGraphQLView) -> None:
        self._application = application
        self._gateway = gateway
        self._view = view
        self._decoder = msgspec.json.Decoder(_Body)
        self._known = lru_cache(maxsize=REMEMBERED)(lambda text: known_document(view.schema, view.documents, text))

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if _is_plain_post(environ) and (body := _read(environ, self._gateway)) is not None:
            began = time.perf_counter()
            order = self._order(environ, body)
            if order is not None:
                return self._answer(order, began, environ, start_response)
        return self._application(environ, start_response)

    def _order(self, environ: "WSGIEnvironment", body: bytes) -> _Order | None:
        """The order that this request is, once it has been paid for with its points; None for everything else."""
        try:
            asked = self._decoder.decode(body)
            known = self._known(asked.query)
            if known is None or asked.variables.keys() != {known.variable} or asked.operationName not in (None, known.operation):
                return None
            viewer = self._gateway.tokens.viewer(environ.get("HTTP_AUTHORIZATION"))
            if viewer is None:
                return None
            wish = asked.variables[known.variable]
            request = inputs.place_order(wish.dropId, viewer.id, wish.quantity, wish.idempotencyKey)
            address = visits.address(environ, self._gateway.settings)
            self._gateway.charge(viewer, address, known.points)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidInput, Unauthenticated, RateLimited):
            return None
        return _Order(known, wish, viewer, address, self._gateway.sold_out.refuses(request.drop_id, request.user_id, request.key))

    def _answer(self, order: _Order, began: float, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        span, trace = enter_traced("POST", "/graphql", "/graphql", environ.get("HTTP_TRACEPARENT", ""))
        call = calls.begin(ORDER_TIMEOUT_S, correlation_id_of(environ), viewer=order.viewer, trace=trace)
        answer = self._sold_out(order) if order.is_late else self._place(order, began, call)
        tracing.answered(span, 200 if isinstance(answer, bytes) else answer.status_code)
        if isinstance(answer, bytes):
            self._gateway.process.metrics.timing("http.order.placeOrder.200", time.perf_counter() - began)
            start_response("200 OK", _headers(call.correlation_id, len(answer)))
            return (answer,)
        self._gateway.process.metrics.timing(f"http.order.placeOrder.{answer.status_code}", time.perf_counter() - began)
        answer.headers[REQUEST_ID] = call.correlation_id
        answer.headers.extend(visits.SAME_HEADERS)
        return answer(environ, start_response)

    def _sold_out(self, order: _Order) -> bytes:
        self._gateway.sightings.refused(order.wish.dropId, SoldOut.code)
        return order.known.sold_out

    def _place(self, order: _Order, began: float, call: calls.Call) -> bytes | Response:
        """The body of an answer with data, or the whole answer that says why there is none."""
        with calls.under(call):
            context = RequestContext(self._gateway, Visit(began, order.address, order.viewer, call.correlation_id, lambda: None))
            return self._view.answer(order.known.document, {order.known.variable: msgspec.structs.asdict(order.wish)}, context)


def known_document(schema: GraphQLSchema, documents: Documents, text: str) -> KnownDocument | None:
    """None for what is more, or anything else, than `mutation($i: ...) {placeOrder(input: $i) {...}}`."""
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
    return KnownDocument(prepared.document, variable, name, prepared.points, msgspec.json.encode({"data": result.data}))


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


def _headers(correlation_id: str, length: int) -> list[tuple[str, str]]:
    return [
        ("Content-Type", f"{JSON}; charset=utf-8"),
        ("Content-Length", str(length)),
        (REQUEST_ID, correlation_id),
        *visits.SAME_HEADERS,
    ]
