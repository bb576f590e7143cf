"""Checks of what clients send, against the contracts' own bounds."""

from dataclasses import dataclass
from typing import Any

import msgspec
from flask import Request

from services.contracts.errors import InvalidInput
from services.contracts.orders import PlaceOrder
from services.contracts.users import UserChange
from services.contracts.values import Cursor, DropId, Email, Line, OrderId, PageSize, UserId

# The names that clients know for the fields of our payloads.
_CLIENT_NAMES = {"drop_id": "dropId", "key": "idempotencyKey", "user_id": "userId", "display_name": "displayName"}


@dataclass(frozen=True, slots=True)
class Page:
    """The part of a list that is asked for."""

    first: int
    after: str | None


def body_of(request: Request) -> bytes:
    """A request's body, of a length that Flask has checked or checks now (413).

    One read of all of it: each read lets go of the interpreter's lock, and Werkzeug's limited stream reads until nothing comes.
    """
    length, limit = request.content_length, request.max_content_length
    if length is None or limit is None or length > limit:
        return request.get_data()
    body: bytes = request.environ["wsgi.input"].read(length)
    return body


def json_of(data: bytes | str) -> Any:
    """Raises InvalidInput for what is no JSON, or nested beyond reason."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("The body is not JSON.") from error


def place_order(drop_id: object, user_id: str, quantity: object, key: object) -> PlaceOrder:
    """Raises InvalidInput that names the field."""
    try:
        return msgspec.convert({"drop_id": drop_id, "user_id": user_id, "quantity": quantity, "key": key}, PlaceOrder)
    except msgspec.ValidationError as error:
        raise _invalid(error) from error


def user_change(fields: dict[str, Any]) -> UserChange:
    """From the fields as clients name them. Raises InvalidInput that names the field."""
    try:
        return msgspec.convert({name: fields.get(_CLIENT_NAMES.get(name, name)) for name in UserChange.__struct_fields__}, UserChange)
    except msgspec.ValidationError as error:
        raise _invalid(error) from error


def drop_id(value: object) -> str:
    return _checked(value, DropId, "id")


def order_id(value: object, field: str = "id") -> str:
    return _checked(value, OrderId, field)


def user_id(value: object, field: str = "id") -> str:
    return _checked(value, UserId, field)


def email(value: object, field: str = "email") -> str:
    return _checked(value, Email, field)


def name(value: object, field: str = "name") -> str:
    return _checked(value, Line, field)


def page(first: object, after: object) -> Page:
    """first may be a text too: a query string has nothing else."""
    return Page(_converted(first, PageSize, "first", strict=False), None if after is None else _checked(after, Cursor, "after"))


def _checked(value: object, kind: Any, field: str) -> str:
    checked: str = _converted(value, kind, field)
    return checked


def _converted(value: object, kind: Any, field: str, strict: bool = True) -> Any:
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error), field=field) from error


def _invalid(error: msgspec.ValidationError) -> InvalidInput:
    """msgspec ends its message with the path: "... - at `$.quantity`"."""
    text, _, path = str(error).partition(" - at `$.")
    name = path.rstrip("`")
    return InvalidInput(f"{text}." if not text.endswith(".") else text, field=_CLIENT_NAMES.get(name, name) or None)
