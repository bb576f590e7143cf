"""GraphQL over HTTP, on graphql-server's Flask view.

Follows https://graphql.github.io/graphql-over-http/draft/ . The library does the protocol; here are the document cache, the
rate limits, our errors, and what the library gets wrong: a JSON array for a body is a bad request.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import msgspec
from flask import Request, Response, g
from flask import request as current_request
from graphql import DocumentNode, ExecutionResult, FieldNode, OperationType, get_operation_ast
from graphql_server import execute_sync
from graphql_server.exceptions import GraphQLValidationError
from graphql_server.flask.views import GraphQLView
from graphql_server.http import GraphQLHTTPResponse, GraphQLRequestData
from graphql_server.http.exceptions import HTTPException
from graphql_server.http.sync_base_view import SyncHTTPRequestAdapter

from gateway import errors, inputs
from gateway.context import Gateway, RequestContext
from gateway.documents import Documents
from gateway.execution import PlainFields
from gateway.schema import load_schema
from services.contracts.errors import InvalidInput, LiveDropsError, RateLimited, Unavailable, from_wire
from services.kernel import problems, tracing

JSON = "application/json"
STRICT_JSON = "application/graphql-response+json"


class _Draft:
    """What the library notes the status on, before the answer is made."""

    status_code = 200


class _Refused(HTTPException):
    """Carries one of our errors through the library, which turns every other exception into a 400."""

    def __init__(self, error: LiveDropsError) -> None:
        super().__init__(problems.status_of(error), error.message)
        self.error = error


class LiveDropsGraphQLView(GraphQLView[RequestContext, None]):
    """POST and GET /graphql."""

    def __init__(self, gateway: Gateway) -> None:
        schema = load_schema()
        super().__init__(schema, graphql_ide="graphiql" if gateway.settings.shows_graphiql() else None)
        self._gateway = gateway
        self.documents = Documents(schema, gateway.settings)

    def dispatch_request(self, **_: Any) -> Response:
        request = current_request._get_current_object()  # type: ignore[attr-defined]  # the proxy costs a look-up each time
        try:
            if request.method == "POST" and request.mimetype != JSON:
                return _refusal("Send the request as application/json.", 415)
            return self.run(request=request)
        except _Refused as refused:
            return refusal(refused.error)
        except HTTPException as error:
            return _refusal(error.reason, error.status_code)

    def get_context(self, request: Request, response: Response) -> RequestContext:
        return RequestContext(self._gateway, g.visit)

    def get_sub_response(self, request: Request) -> Response:
        return cast(Response, _Draft())

    def decode_json(self, data: str | bytes) -> object:
        try:
            return inputs.json_of(data)
        except InvalidInput as error:
            raise HTTPException(400, error.message) from error

    def parse_http_body(self, request: SyncHTTPRequestAdapter, context: RequestContext) -> GraphQLRequestData:
        """A POST's body is JSON, as dispatch_request has seen; the library would take the content type apart once more."""
        if request.method != "POST":
            if self.graphql_ide and self.should_render_graphql_ide(request):  # a browser, which has no query yet
                return GraphQLRequestData(None, None, None, None, None)
            return super().parse_http_body(request, context)
        protocol = "http-strict" if STRICT_JSON in request.headers.get("Accept", "") else "http"
        return self.get_graphql_request_data(request, context, self.decode_json(inputs.body_of(current_request)), protocol)

    def get_graphql_request_data(self, request: SyncHTTPRequestAdapter, context: Any, data: Any, protocol: Any) -> GraphQLRequestData:
        if not isinstance(data, dict):
            raise HTTPException(400, "The body must be a JSON object; batches are not supported.")
        if not isinstance(data.get("query"), str) or not data["query"]:
            raise HTTPException(400, "The request needs a query, as a string.")
        if not isinstance(data.get("operationName"), str | None):
            raise HTTPException(400, "operationName must be a string.")
        return super().get_graphql_request_data(request, context, data, protocol)

    def execute_operation(
        self,
        request_adapter: SyncHTTPRequestAdapter,
        request_data: GraphQLRequestData,
        context: RequestContext,
        root_value: Any,
        allowed_operation_types: set[OperationType],
    ) -> ExecutionResult:
        prepared = self.documents.prepare(cast(str, request_data.query))
        g.label = prepared.label
        try:
            context.charge(prepared.points)
        except RateLimited as error:
            raise _Refused(error) from error
        if prepared.errors or prepared.document is None:
            raise GraphQLValidationError(prepared.errors)
        _check_operation(prepared.document, request_data.operation_name, allowed_operation_types)
        return self._execute(prepared.document, request_data.variables, context, request_data.operation_name)

    def _execute(
        self, document: DocumentNode, variables: dict[str, Any] | None, context: RequestContext, operation: str | None
    ) -> ExecutionResult:
        with _as_part(document, operation) as span:
            result = execute_sync(
                self.schema,
                document,
                variable_values=variables,
                context_value=context,
                operation_name=operation,
                execution_context_class=PlainFields,
            )
            if span is not None and result.errors:
                tracing.fail(span, result.errors[0].original_error or result.errors[0])
        return result

    def answer(self, document: DocumentNode, variables: dict[str, Any], context: RequestContext) -> bytes | Response:
        """To a document of one operation that may run: the body where there is data and all is well, the whole answer otherwise."""
        answer = self._counted(_as_answer(self._execute(document, variables, context, None)))
        return self.create_response(answer, cast(Response, _Draft()), False) if answer.get("errors") else msgspec.json.encode(answer)

    def process_result(self, request: Request, result: ExecutionResult, strict: bool = False) -> GraphQLHTTPResponse:
        return self._counted(_as_answer(result))

    def _counted(self, answer: GraphQLHTTPResponse) -> GraphQLHTTPResponse:
        """Errors do not show in the status of a GraphQL answer."""
        for error in answer.get("errors") or ():
            self._gateway.process.metrics.count(f"graphql.errors.{cast('dict[str, Any]', error)['extensions']['code']}")
        return answer

    def create_response(self, response_data: GraphQLHTTPResponse, sub_response: Response, is_strict: bool) -> Response:
        status: int = sub_response.status_code
        headers: dict[str, str] = {}
        if response_data.get("errors") and response_data.get("data") is None:
            status, headers = _status_of(cast("list[dict[str, Any]]", response_data["errors"])[0], status, is_strict)
        kind = STRICT_JSON if is_strict else JSON
        return Response(msgspec.json.encode(response_data), status, headers, content_type=f"{kind}; charset=utf-8")


def _as_part(document: DocumentNode, name: str | None) -> AbstractContextManager[tracing.Span | None]:
    """An operation as a part of its trace: https://opentelemetry.io/docs/specs/semconv/graphql/graphql-spans/"""
    operation = get_operation_ast(document, name) if tracing.is_recorded() else None
    if operation is None:
        return nullcontext()
    kind = operation.operation.value
    fields = [node.name.value for node in operation.selection_set.selections if isinstance(node, FieldNode)]
    attributes: dict[str, tracing.Value] = {"graphql.operation.type": kind, "livedrops.graphql.fields": fields}
    if operation.name:
        attributes["graphql.operation.name"] = operation.name.value
    return tracing.part(f"GraphQL {kind}", "internal", attributes)


def _as_answer(result: ExecutionResult) -> GraphQLHTTPResponse:
    answer: dict[str, Any] = {}
    if result.errors:
        answer["errors"] = [errors.as_graphql(error) for error in result.errors]
    # A request that never ran has no data at all; one that ran and failed has null.
    if result.data is not None or (result.errors and result.errors[0].path):
        answer["data"] = result.data
    return cast(GraphQLHTTPResponse, answer)


def _status_of(error: dict[str, Any], status: int, is_strict: bool) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer without data. In plain JSON, 200 but where waiting helps: a proxy or a client must see that."""
    extensions = error["extensions"]
    ours = from_wire(extensions["code"], error["message"], {name: value for name, value in extensions.items() if name != "code"})
    if is_strict or isinstance(ours, Unavailable):
        return problems.status_of(ours), problems.headers_of(ours)
    return status, {}


def _refusal(message: str, status: int) -> Response:
    """An answer to what is no GraphQL request."""
    body = {"errors": [{"message": message, "extensions": {"code": InvalidInput.code}}]}
    response = Response(msgspec.json.encode(body), status, content_type=f"{JSON}; charset=utf-8")
    if status == 405:
        response.headers["Allow"] = "GET, POST"
    return response


def _check_operation(document: DocumentNode, name: str | None, allowed: set[OperationType]) -> None:
    """Exactly one operation is meant, and by a method that may run it."""
    operation = get_operation_ast(document, name)
    if operation is None:
        raise HTTPException(400, "Name one operation of the document in operationName.")
    if operation.operation is OperationType.SUBSCRIPTION:
        raise HTTPException(400, "Subscribe at /graphql/stream.")
    if operation.operation not in allowed:
        raise HTTPException(405, "A mutation must come by POST.")


def refusal(error: LiveDropsError, status: int | None = None) -> Response:
    """An answer to a request that was refused before it ran. status: where it is not the one that the error stands for."""
    body = msgspec.json.encode({"errors": [{"message": error.message, "extensions": {"code": error.code, **error.data}}]})
    return Response(body, status or problems.status_of(error), problems.headers_of(error), content_type=f"{JSON}; charset=utf-8")
