"""GraphQL's execution by graphql-core, with a short way for what resolvers have already brought.

Nearly all fields of an answer have no resolver: their values are in the dict that the parent's resolver answered. The library treats each of
them as if it had one (an info object, arguments, awaitables), which is most of the CPU of a page. Here such a field of a dict is read and
completed by its type at once. What is not exactly that goes the library's way: a field with a resolver or arguments, a source that is no dict,
a value that does not fit its type. So the library makes all errors.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from graphql import (
    ExecutionContext,
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    Undefined,
    located_error,
)
from graphql.pyutils import Path

# Values of these types are in JSON what they are here. An Int is not among them: it has 32 bits, which its serialisation checks.
_AS_THEY_ARE: dict[str, type] = {"ID": str, "String": str, "Boolean": bool}


class _Kind(NamedTuple):
    """How values of a type are completed: left as they are where they have the type `plain`, else by what is not None of the last three."""

    of: Any
    nullable: bool
    plain: type | None = None
    serialize: Callable[[Any], Any] | None = None
    items: Any = None  # a _Kind
    object: GraphQLObjectType | None = None


class _Step(NamedTuple):
    """A field of a selection. kind: None where the library executes it. field: None as well for __typename."""

    answer: str
    name: str
    nodes: list[FieldNode]
    parent: GraphQLObjectType
    field: GraphQLField | None
    kind: _Kind | None


class PlainFields(ExecutionContext):
    """For execute's `execution_context_class`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # By the identity of a selection's fields, which live as long as the execution.
        self._selections: dict[int, list[_Step]] = {}

    def execute_fields(
        self, parent_type: GraphQLObjectType, source_value: Any, path: Path | None, fields: dict[str, list[FieldNode]]
    ) -> dict[str, Any]:
        if type(source_value) is not dict:
            return super().execute_fields(parent_type, source_value, path, fields)  # type: ignore[return-value]  # we run nothing asynchronous
        steps = self._selections.get(id(fields))
        if steps is None:
            steps = self._selections[id(fields)] = [_step(parent_type, answer, nodes) for answer, nodes in fields.items()]
        answers: dict[str, Any] = {}
        for step in steps:
            kind = step.kind
            if kind is None:
                completed = self.execute_field(parent_type, source_value, step.nodes, Path(path, step.answer, parent_type.name))
                if completed is not Undefined:
                    answers[step.answer] = completed
                continue
            value = source_value.get(step.name)
            if value.__class__ is not kind.plain and not (value is None and kind.nullable):
                value = self._complete_safely(step, kind, Path(path, step.answer, parent_type.name), value)
            answers[step.answer] = value
        return answers

    def _complete_safely(self, step: _Step, kind: _Kind, path: Path, value: Any) -> Any:
        """The completed value, or null with its error noted where the type allows that. Raises GraphQLError otherwise."""
        try:
            return self._complete(step, kind, path, value)
        except Exception as raised:
            self.handle_field_error(located_error(raised, step.nodes, path.as_list()), kind.of, path)
            return None

    def _complete(self, step: _Step, kind: _Kind, path: Path, value: Any) -> Any:
        if value is not None:
            if kind.object is not None and value.__class__ is dict:
                return self.execute_fields(kind.object, value, path, self.collect_subfields(kind.object, step.nodes))
            if kind.items is not None and value.__class__ is list:
                return self._items(step, kind.items, path, value)
            if kind.serialize is not None and (completed := kind.serialize(value)) is not None and completed is not Undefined:
                return completed
        assert step.field is not None
        info = self.build_resolve_info(step.field, step.nodes, step.parent, path)
        return self.complete_value(kind.of, step.nodes, info, path, value)

    def _items(self, step: _Step, kind: _Kind, path: Path, values: list[Any]) -> list[Any]:
        return [
            value
            if value.__class__ is kind.plain or (value is None and kind.nullable)
            else self._complete_safely(step, kind, Path(path, index, None), value)
            for index, value in enumerate(values)
        ]


def _step(parent: GraphQLObjectType, answer: str, nodes: list[FieldNode]) -> _Step:
    name = nodes[0].name.value
    field = parent.fields.get(name)
    is_plain = field is not None and field.resolve is None and not field.args
    return _Step(answer, name, nodes, parent, field, _kind(field.type) if field is not None and is_plain else None)


@cache  # of the types of a schema, which stays; a request asks for each of its fields
def _kind(of: Any, nullable: bool = True) -> _Kind | None:
    """None for what the library must complete: a type that is only known by the value."""
    if isinstance(of, GraphQLNonNull):
        inner = _kind(of.of_type, nullable=False)
        return inner._replace(of=of) if inner else None
    if isinstance(of, GraphQLList):
        items = _kind(of.of_type)
        return _Kind(of, nullable, items=items) if items else None
    if isinstance(of, GraphQLScalarType | GraphQLEnumType):
        return _Kind(of, nullable, _AS_THEY_ARE.get(of.name), of.serialize)
    if isinstance(of, GraphQLObjectType) and of.is_type_of is None:
        return _Kind(of, nullable, object=of)
    return None
