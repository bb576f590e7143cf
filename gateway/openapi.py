"""The OpenAPI 3.1 document of REST: python -m gateway.openapi writes docs/contracts/openapi.json."""

import re
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec

from gateway.rest import media, messages, shapes
from gateway.rest.operations import ALWAYS, HEADERS, OPERATIONS, PATH_PARAMETERS, SIGNED_IN, Operation
from services.contracts import schemas
from services.kernel.problems import PROBLEM_JSON

FILE_NAME = "openapi.json"
_GIVEN = {
    "ETag": "The version, in quotes. None where there is no version.",
    "Link": "The next page, where there is one (RFC 8288).",
    "Location": "Where it is from now on.",
}
_PATH_PARAMETER = re.compile(r"{(\w+)}")


@cache
def document() -> dict[str, Any]:
    described, components = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, described)
    paths |= media.paths(described[media.ID])
    refusals = sorted({*media.REFUSALS, *(status for operation in OPERATIONS for status in _refusals(operation))})
    return {
        "openapi": "3.1.0",
        "info": {"title": "LiveDrops", "version": "1", "description": "Every error is problem+json; tell errors apart by their code."},
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {str(status): _refusal(status, described) for status in refusals},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


class _Described:
    """The schemas of types, in the order in which they were asked for."""

    def __init__(self, kinds: list[Any], found: tuple[dict[str, Any], ...]) -> None:
        self._found = list(zip(kinds, found, strict=True))

    def __getitem__(self, kind: Any) -> dict[str, Any]:
        return next(schema for known, schema in self._found if known is kind)


def _schemas() -> tuple[_Described, dict[str, Any]]:
    kinds = [shapes.Problem, media.ID, *PATH_PARAMETERS.values(), *(kind for kind, _ in HEADERS.values())]
    for operation in OPERATIONS:
        bodies = [operation.body] if operation.body else []
        kinds += [operation.answer, *bodies, *(parameter.kind for parameter in operation.query.values())]
    found, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    return _Described(kinds, found), components


def _operation(operation: Operation, described: _Described) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": HTTPStatus(operation.status).phrase,
        "content": {messages.JSON: {"schema": described[operation.answer]}},
    }
    if operation.gives:
        answer["headers"] = {name: {"description": _GIVEN[name], "schema": {"type": "string"}} for name in operation.gives}
    refusals = {str(status): {"$ref": f"#/components/responses/{status}"} for status in _refusals(operation)}
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": list(_parameters(operation, described)),
        "responses": {str(operation.status): answer, **refusals},
    }
    if operation.body:
        made["requestBody"] = {"required": True, "content": {messages.JSON: {"schema": described[operation.body]}}}
    if operation.signed_in:
        made["security"] = [{"token": []}]
    return made


def _parameters(operation: Operation, described: _Described) -> Iterator[dict[str, Any]]:
    for name in _PATH_PARAMETER.findall(operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": described[PATH_PARAMETERS[name]]}
    for name, parameter in operation.query.items():
        schema = described[parameter.kind] | ({"default": parameter.default} if parameter.default is not None else {})
        yield {"name": name, "in": "query", "required": parameter.required, "schema": schema}
    for name in operation.headers:
        kind, told = HEADERS[name]
        yield {"name": name, "in": "header", "required": True, "description": told, "schema": described[kind]}


def _refusals(operation: Operation) -> list[int]:
    return sorted({*ALWAYS, *operation.refusals, *(SIGNED_IN if operation.signed_in else ())})


def _refusal(status: int, described: _Described) -> dict[str, Any]:
    words = media.REFUSALS.get(status) or HTTPStatus(status).phrase
    return {"description": words, "content": {PROBLEM_JSON: {"schema": described[shapes.Problem]}}}


if __name__ == "__main__":
    (schemas.FOLDER / FILE_NAME).write_text(schemas.text_of(document()))
