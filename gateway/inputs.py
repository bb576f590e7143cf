"""Checks of what clients send, against the contracts' own bounds."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from flask import Request
from msgspec import structs

from services.contracts.analytics import Grain
from services.contracts.errors import InvalidInput, LiveDropsError
from services.contracts.notifications import NoticeIds
from services.contracts.orders import PlaceOrder
from services.contracts.products import DropState, PageNumber
from services.contracts.search import SearchFilter, SearchSort, SearchText, Suggested
from services.contracts.users import UserChange
from services.contracts.values import (
    Cursor,
    DropId,
    Email,
    EndpointId,
    IdempotencyKey,
    Instant,
    Line,
    OrderId,
    PageSize,
    ProductId,
    Reason,
    UserId,
    Version,
)

S = TypeVar("S", bound=msgspec.Struct)
# The names that clients know for the fields of our payloads, where these are not the same in camel case.
_CLIENT_NAMES = {"key": "idempotencyKey"}
# Where msgspec says that something is wrong: "... - at `$.price.amount`", "... - at `key` in `$.metadata`", "... - at `$.tags[2]`".
_PLACE = re.compile(r" - at (?:`key` in )?`\$\.?(?P<path>[^`]*)`$")


@dataclass(frozen=True, slots=True)
class Page:
    """The part of a list that is asked for: behind a cursor, or a page by its number."""

    first: int
    after: str | None
    number: int | None = None


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
    return payload(UserChange, fields)


def payload(kind: type[S], fields: Mapping[str, Any], strict: bool = True) -> S:
    """From fields as clients name them; null is as good as left out. Raises InvalidInput that names the field."""
    given: dict[str, Any] = {}
    for field in structs.fields(kind):
        value = fields.get(client_name(field.name))
        if value is not None:
            given[field.name] = value
        elif field.required:
            raise InvalidInput(f"{client_name(field.name)} is missing.", field=client_name(field.name))
    try:
        return msgspec.convert(given, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise _invalid(error) from error


def client_names(kind: type[msgspec.Struct]) -> set[str]:
    """What clients call the fields of a payload."""
    return {client_name(field) for field in kind.__struct_fields__}


def client_name(field: str) -> str:
    """What clients call a field of our payloads."""
    return _CLIENT_NAMES.get(field) or re.sub("_([a-z])", lambda letter: letter[1].upper(), field)


@contextmanager
def named_for_clients() -> Iterator[None]:
    """Errors of services that come out of the block name fields as clients do."""
    try:
        yield
    except LiveDropsError as error:
        if "field" in error.data:
            error.data["field"] = client_name(error.data["field"])
        raise


@contextmanager
def named_as(names: Mapping[str, str]) -> Iterator[None]:
    """Errors that come out of the block name fields as these say; what they do not say stays."""
    try:
        yield
    except LiveDropsError as error:
        field = str(error.data.get("field"))
        if field.partition(".")[0] in names:
            error.data["field"] = names[field.partition(".")[0]]
        raise


def whole_amount(money: dict[str, Any]) -> dict[str, Any]:
    """GraphQL has no integer that is large enough for amounts: they come as floats. It converts what it is about to refuse, too."""
    return {**money, "amount": whole(money["amount"])} if "amount" in money else money


def whole(value: Any) -> Any:
    """A float that is a whole number, as that number; all else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def metadata(entries: Sequence[Mapping[str, str]] | None) -> dict[str, str] | None:
    """From a list of keys and values: GraphQL has no maps. Raises InvalidInput for a key that comes twice."""
    if entries is None:
        return None
    found = {entry["key"]: entry["value"] for entry in entries}
    if len(found) < len(entries):
        raise InvalidInput("Each key of the metadata must come once.", field="metadata")
    return found


def refuse_unknown(sent: set[str], allowed: set[str]) -> None:
    """Raises InvalidInput for a field that there is not."""
    if unknown := sorted(sent - allowed):
        raise InvalidInput(f"Unknown field {unknown[0]!r}.", field=unknown[0])


def drop_id(value: object, field: str = "id") -> str:
    return _checked(value, DropId, field)


def product_id(value: object, field: str = "id") -> str:
    return _checked(value, ProductId, field)


def idempotency_key(value: object, field: str = "idempotencyKey") -> str:
    return _checked(value, IdempotencyKey, field)


def reason(value: object) -> str:
    return _checked(value, Reason, "reason")


def version(value: object) -> int:
    number: int = _converted(value, Version, "expectedVersion")
    return number


def drop_state(value: object, field: str = "state") -> DropState:
    state: DropState = _converted(value, DropState, field)
    return state


def search_text(value: object, field: str = "text") -> str:
    return _checked(value, SearchText, field)


def search_sort(value: object, field: str = "sort") -> SearchSort:
    sort: SearchSort = _converted(value, SearchSort, field)
    return sort


def search_filter(fields: Mapping[str, Any], strict: bool = True) -> SearchFilter:
    """From the fields as clients name them. strict: False for a query string, which has texts only. Raises InvalidInput that names the field."""
    bounded = {**fields, **{name: whole(fields.get(name)) for name in ("minPrice", "maxPrice")}}
    return payload(SearchFilter, bounded, strict)


def suggested(value: object, field: str = "first") -> int:
    """How many completions."""
    count: int = _converted(value, Suggested, field)
    return count


def flag(value: object, field: str) -> bool:
    """true or false, as a query string writes it."""
    if value not in ("true", "false"):
        raise InvalidInput(f"{field} is true or false.", field=field)
    return value == "true"


def grain(value: object, field: str) -> Grain:
    found: Grain = _converted(value, Grain, field)
    return found


def instant(value: object, field: str) -> datetime:
    """A time with its zone, as UTC."""
    found: datetime = _converted(value, Instant, field)
    # The first and the last days there are can't be moved to another zone.
    if not 1970 < found.year < 9000:
        raise InvalidInput("This is no time of ours.", field=field)
    return found.astimezone(UTC)


def order_id(value: object, field: str = "id") -> str:
    return _checked(value, OrderId, field)


def notice_ids(value: object, field: str = "ids") -> list[str]:
    found: list[str] = _converted(value, NoticeIds, field)
    return found


def endpoint_id(value: object, field: str = "id") -> str:
    return _checked(value, EndpointId, field)


def token(value: object, field: str = "token") -> str:
    return _checked(value, Cursor, field)


def user_id(value: object, field: str = "id") -> str:
    return _checked(value, UserId, field)


def email(value: object, field: str = "email") -> str:
    return _checked(value, Email, field)


def name(value: object, field: str = "name") -> str:
    return _checked(value, Line, field)


def page(first: object, after: object) -> Page:
    """first may be a text too: a query string has nothing else."""
    return Page(_converted(first, PageSize, "first", strict=False), None if after is None else _checked(after, Cursor, "after"))


def numbered_page(limit: object, after: object, number: object) -> Page:
    """A page of REST's lists, by its number or behind a cursor; the first where neither is given."""
    if after is not None and number is not None:
        raise InvalidInput("Ask for a page by its number or by a cursor, not both.", field="page")
    behind = None if after is None else _checked(after, Cursor, "after")
    first = _converted(limit, PageSize, "limit", strict=False)
    if behind is not None:
        return Page(first, behind)
    return Page(first, None, _converted(1 if number is None else number, PageNumber, "page", strict=False))


def _checked(value: object, kind: Any, field: str) -> str:
    checked: str = _converted(value, kind, field)
    return checked


def _converted(value: object, kind: Any, field: str, strict: bool = True) -> Any:
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error), field=field) from error


def _invalid(error: msgspec.ValidationError) -> InvalidInput:
    """The same error, with the field that msgspec's message ends with."""
    message = str(error)
    place = _PLACE.search(message)
    text = message[: place.start()] if place else message
    names = re.sub(r"\[[^]]*\]", "", place["path"]).split(".") if place else []
    return InvalidInput(text if text.endswith(".") else f"{text}.", field=".".join(client_name(name) for name in names) or None)
