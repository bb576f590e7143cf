"""Checks of what clients send, against the contracts' own bounds."""

from typing import Any, TypeVar

import msgspec
from flask import Request

from services.contracts.errors import InvalidInput
from services.contracts.orders import PlaceOrder
from services.contracts.values import DropId, OrderId

T = TypeVar("T")
# The names that clients know for the fields of our payloads.
_CLIENT_NAMES = {"drop_id": "dropId", "key": "idempotencyKey", "user_id": "userId"}


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


def drop_id(value: object) -> str:
    return _checked(value, DropId, "id")


def order_id(value: object, field: str = "id") -> str:
    return _checked(value, OrderId, field)


def _checked(value: object, kind: Any, field: str) -> str:
    try:
        checked: str = msgspec.convert(value, kind)
        return checked
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error), field=field) from error


def _invalid(error: msgspec.ValidationError) -> InvalidInput:
    """msgspec ends its message with the path: "... - at `$.quantity`"."""
    text, _, path = str(error).partition(" - at `$.")
    name = path.rstrip("`")
    return InvalidInput(f"{text}." if not text.endswith(".") else text, field=_CLIENT_NAMES.get(name, name) or None)
