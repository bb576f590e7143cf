"""GraphQL subscriptions: documents checked as the gateway checks them, and an event's result made once for all who asked for the same."""

from collections.abc import Callable
from typing import Any, cast
from weakref import WeakValueDictionary

import msgspec
from graphql import DocumentNode, ExecutionResult, GraphQLError, OperationType, create_source_event_stream, execute_sync, get_operation_ast

from gateway import errors
from gateway.documents import Documents
from gateway.execution import PlainFields
from gateway.live.connection import Connection
from gateway.live.news import Kind, News
from gateway.live.requests import GraphQLWish
from gateway.schema import load_schema
from gateway.settings import DoorSettings
from services.contracts.errors import InvalidInput, LiveDropsError, from_wire

FIELDS = {"notifications": Kind.NOTIFICATION, "stock": Kind.STOCK, "dropState": Kind.STATE}
_FIELD_OF = {kind: name for name, kind in FIELDS.items()}


class RequestRefused(Exception):
    """The request never ran. errors: as they are answered; error: what decides the status."""

    def __init__(self, found: list[GraphQLError]) -> None:
        super().__init__(found[0].message)
        self.errors = [errors.as_graphql(error) for error in found]
        extensions = self.errors[0]["extensions"]
        data = {name: value for name, value in extensions.items() if name != "code"}
        self.error: LiveDropsError = from_wire(extensions["code"], self.errors[0]["message"], data)


class Shape:
    """What one subscription's events look like. Who subscribed to the same with the same variables has the same one."""

    def __init__(self, execute: Callable[[dict[str, Any]], ExecutionResult]) -> None:
        self._execute = execute
        self._last: tuple[News, str] | None = None
        self._bytes = b""

    def render(self, told: News, position: str) -> bytes:
        """The result for an event, as JSON."""
        if self._last is None or self._last[0] is not told or self._last[1] != position:
            value = {**told.data, "position": position} if told.kind is Kind.NOTIFICATION else told.data
            result = self._execute({_FIELD_OF[told.kind]: value})
            answer: dict[str, Any] = {"data": result.data}
            if result.errors:
                answer["errors"] = [errors.as_graphql(error) for error in result.errors]
            self._last, self._bytes = (told, position), msgspec.json.encode(answer)
        return self._bytes


class Subscriptions:
    """The schema's subscriptions, as they are asked for."""

    def __init__(self, settings: DoorSettings) -> None:
        self._schema = load_schema()
        subscription = self._schema.subscription_type
        assert subscription is not None
        if missing := set(subscription.fields) ^ set(FIELDS):
            raise KeyError(f"Subscription: no field or no stream for {', '.join(sorted(missing))}")
        for name, field in subscription.fields.items():
            field.subscribe = _subscriber(name)
        self._documents = Documents(self._schema, settings)
        self._shapes: WeakValueDictionary[tuple[str, str | None, bytes], Shape] = WeakValueDictionary()

    async def open(self, wish: GraphQLWish, subscribe: Callable[..., Any]) -> tuple[Connection, Shape]:
        """subscribe: answers the connection of a root field, by its name and arguments; what it raises comes out in RequestRefused.

        Raises RequestRefused, and InvalidInput for what is no subscription.
        """
        prepared = self._documents.prepare(wish.query)
        if prepared.errors or prepared.document is None:
            raise RequestRefused(prepared.errors)
        operation = get_operation_ast(prepared.document, wish.operation)
        if operation is None:
            raise InvalidInput("Name one operation of the document in operationName.", field="operationName")
        if operation.operation is not OperationType.SUBSCRIPTION:
            raise InvalidInput("Only subscriptions are answered here; send all else to /graphql.", field="query")
        opened = await create_source_event_stream(
            self._schema,
            prepared.document,
            context_value=subscribe,
            variable_values=wish.variables,
            operation_name=wish.operation,
        )
        if isinstance(opened, ExecutionResult):
            raise RequestRefused(opened.errors or [])
        return cast(Connection, opened), self._shape(wish, prepared.document)

    def _shape(self, wish: GraphQLWish, document: DocumentNode) -> Shape:
        key = (wish.query, wish.operation, msgspec.json.encode(wish.variables, order="deterministic"))
        shape = self._shapes.get(key)
        if shape is None:

            def execute(root: dict[str, Any]) -> ExecutionResult:
                return execute_sync(
                    self._schema,
                    document,
                    root,
                    variable_values=wish.variables,
                    operation_name=wish.operation,
                    execution_context_class=PlainFields,
                )

            shape = self._shapes[key] = Shape(execute)
        return shape


def _subscriber(name: str) -> Callable[..., Any]:
    async def subscribe(_root: Any, info: Any, **arguments: Any) -> Connection:
        connection: Connection = await info.context(name, arguments)
        return connection

    return subscribe
