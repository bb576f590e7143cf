"""What clients ask of the live unit: read and checked."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import msgspec
from werkzeug.datastructures import Headers
from werkzeug.sansio.request import Request

from gateway import inputs
from gateway.settings import DoorSettings
from services.contracts.errors import InvalidInput, Unauthenticated
from services.contracts.notifications import Place, Position
from services.kernel.tokens import SignIn, TokenReader

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
COOKIE = "livedrops_access"
MOST_DROPS = 20
JSON = "application/json"
# A query string that names twenty drops, a ticket and a place has some 1,500 characters.
LONGEST_QUERY = 8_000


@dataclass(frozen=True)
class LiveWish:
    """What a plain stream is to bring."""

    inbox: bool
    drop_ids: list[str]
    after: Place | None


@dataclass(frozen=True)
class GraphQLWish:
    query: str
    variables: dict[str, Any]
    operation: str | None


def request_of(scope: Scope) -> Request:
    """Raises InvalidInput for a query string beyond reason."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    client = scope.get("client")
    query: bytes = scope["query_string"]
    request = Request(
        scope["method"], scope.get("scheme", "http"), None, "", scope["path"], query, Headers(headers), client[0] if client else None
    )
    if len(query) > LONGEST_QUERY:
        raise InvalidInput(f"The query string may have {LONGEST_QUERY} characters.")
    return request


def signed_in(request: Request, tokens: TokenReader) -> SignIn | None:
    """By the Authorization header, a ticket in the query, or the cookie. None for nobody.

    Raises Unauthenticated for a header or a ticket that does not hold. A browser sends a cookie unasked, also an old one: that is nobody's.
    """
    if header := request.headers.get("Authorization"):
        return tokens.sign_in(header)
    if ticket := request.args.get("ticket"):
        return tokens.sign_in_of_ticket(ticket)
    cookie = request.cookies.get(COOKIE)
    try:
        return tokens.sign_in_of(cookie) if cookie else None
    except Unauthenticated:
        return None


def require(signed: SignIn | None) -> SignIn:
    if signed is None:
        raise Unauthenticated("Sign in first: by an access token, its cookie, or a ticket.")
    return signed


def live_wish(request: Request) -> LiveWish:
    """Raises InvalidInput that names the field."""
    sent = request.args.to_dict(flat=False)
    inputs.refuse_unknown(set(sent), {"inbox", "drop", "after", "ticket"})
    for name in ("inbox", "after", "ticket"):
        if len(sent.get(name, [])) > 1:
            raise InvalidInput(f"Send {name} once.", field=name)
    inbox = sent.get("inbox", ["0"])[0]
    if inbox not in ("0", "1"):
        raise InvalidInput("inbox is 0 or 1.", field="inbox")
    drop_ids = list(dict.fromkeys(inputs.drop_id(drop_id, "drop") for drop_id in sent.get("drop", [])[: MOST_DROPS + 1]))
    if len(sent.get("drop", [])) > MOST_DROPS:
        raise InvalidInput(f"One stream tells of {MOST_DROPS} drops at most.", field="drop")
    if inbox == "0" and not drop_ids:
        raise InvalidInput("Ask for inbox=1, for drops, or for both.", field="inbox")
    return LiveWish(inbox == "1", drop_ids, _after(request))


def _after(request: Request) -> Place | None:
    """Where a client goes on. What its EventSource has seen since counts more than what its address says."""
    if seen := request.headers.get("Last-Event-ID"):
        return place(seen, "Last-Event-ID")
    sent = request.args.get("after")
    return None if sent is None else place(sent, "after")


def place(value: object, field: str) -> Place:
    """Raises InvalidInput."""
    try:
        return Place.of(msgspec.convert(value, Position))
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error), field=field) from error


async def graphql_wish(request: Request, receive: Receive, settings: DoorSettings) -> GraphQLWish:
    """Raises InvalidInput."""
    if request.method == "GET":
        args = request.args
        sent: Any = {name: args[name] for name in ("query", "operationName") if name in args}
        sent["variables"] = inputs.json_of(args["variables"]) if args.get("variables") else None
    elif request.mimetype != JSON:
        raise InvalidInput("Send the request as application/json.", field="Content-Type")
    else:
        sent = inputs.json_of(await _body(receive, settings.max_body_bytes))
    if not isinstance(sent, dict):
        raise InvalidInput("The body must be a JSON object.")
    query, variables, operation = sent.get("query"), sent.get("variables"), sent.get("operationName")
    if not isinstance(query, str) or not query:
        raise InvalidInput("The request needs a query, as a string.", field="query")
    if not isinstance(variables, dict | None):
        raise InvalidInput("variables must be an object.", field="variables")
    if not isinstance(operation, str | None):
        raise InvalidInput("operationName must be a string.", field="operationName")
    return GraphQLWish(query, variables or {}, operation)


async def _body(receive: Receive, most: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidInput("The body did not come.")
        body += message.get("body", b"")
        if len(body) > most:
            raise InvalidInput(f"A request body may have {most} bytes.")
        if not message.get("more_body"):
            return bytes(body)
