"""The ASGI application of one live process."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
from werkzeug.sansio.request import Request

from gateway import inputs, visits
from gateway.live import requests
from gateway.live.connection import Connection
from gateway.live.forms import Form, GraphQLForm, PlainForm
from gateway.live.news import Kind
from gateway.live.requests import JSON, GraphQLWish, Receive, Scope, Send
from gateway.live.settings import LiveSettings
from gateway.live.subscriptions import FIELDS, RequestRefused, Subscriptions
from gateway.live.unit import Live, Visitor
from gateway.live.writing import write
from services.contracts.errors import InvalidInput, LiveDropsError, NotFound
from services.kernel import calls, health, problems, tracing
from services.kernel.asgi import DRAIN
from services.kernel.process import enter, settle_memory
from services.kernel.web import REQUEST_ID, correlation_id_of, enter_traced

log = logging.getLogger("livedrops.live")
Headers = list[tuple[bytes, bytes]]
# As a trace calls them.
ROUTES = ("/live", "/graphql/stream")
_STREAM: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-content-type-options", b"nosniff"),
    # nginx would gather what comes slowly.
    (b"x-accel-buffering", b"no"),
]


def create() -> "Application":
    """Made once in each worker process: reads the settings and returns the application, which connects when its loop runs."""
    settings = LiveSettings.load_or_exit()
    return Application(settings)


class Application:
    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._subscriptions = Subscriptions(settings)
        self._live: Live | None = None

    @property
    def live(self) -> Live:
        assert self._live is not None
        return self._live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live_through(receive, send)
            return
        await _Exchange(self.live, self._subscriptions, scope, receive, send).answer()

    async def _live_through(self, receive: Receive, send: Send) -> None:
        """From the start of the worker to its end."""
        await receive()
        self._live = live = Live(enter(self._settings), self._settings)
        live.start()
        asyncio.get_running_loop().add_signal_handler(DRAIN, live.drain)
        settle_memory()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await live.stop()
        await send({"type": "lifespan.shutdown.complete"})


class _Exchange:
    """One request."""

    def __init__(self, live: Live, subscriptions: Subscriptions, scope: Scope, receive: Receive, send: Send) -> None:
        self._live = live
        self._subscriptions = subscriptions
        self._scope = scope
        self._receive = receive
        self._send = send
        self._has_begun = False
        given = _environ(scope)
        route = scope["path"] if scope["path"] in ROUTES else "unknown"
        self._span, trace = enter_traced(scope["method"], route, scope["path"], given["HTTP_TRACEPARENT"])
        self._call = calls.begin(correlation_id=correlation_id_of(given), trace=trace)

    async def answer(self) -> None:
        calls.set_current(self._call)
        is_graphql = self._scope["path"] == "/graphql/stream"
        try:
            await self._route()
        except RequestRefused as refused:
            await self._refuse(refused.error, {"errors": refused.errors})
        except Exception as error:
            if self._has_begun:
                log.exception("a stream broke")
                return
            known = problems.known(error)
            wrong = {"message": known.message, "extensions": {"code": known.code, **known.data}}
            await self._refuse(known, {"errors": [wrong]} if is_graphql else None)

    async def _route(self) -> None:
        path, method = self._scope["path"], self._scope["method"]
        if path in ("/livez", "/readyz"):
            await self._tell_health(path)
        elif path == "/live" and method == "GET":
            await self._stream_plainly(requests.request_of(self._scope))
        elif path == "/graphql/stream" and method in ("GET", "POST"):
            await self._stream_graphql(requests.request_of(self._scope))
        elif path in ("/live", "/graphql/stream"):
            raise InvalidInput("Use GET." if path == "/live" else "Use GET or POST.", allow="GET" if path == "/live" else "GET, POST")
        else:
            raise NotFound("There is nothing at this address.")

    async def _tell_health(self, path: str) -> None:
        if path == "/livez":
            await self._json(200, {"live": True})
            return
        well, parts = await self._live.blocking(lambda: health.report(self._live.process))
        await self._json(200 if well else 503, {"ready": well, "parts": parts})

    async def _stream_plainly(self, request: Request) -> None:
        wish = requests.live_wish(request)
        visitor = self._visitor(request)
        kinds = {Kind.STOCK, Kind.STATE}
        if wish.inbox:
            requests.require(visitor.signed_in)
            kinds.add(Kind.NOTIFICATION)
        async with AsyncExitStack() as stack:
            connection = await self._live.open(stack, visitor, kinds, wish.drop_ids, wish.after)
            await self._write(connection, PlainForm())

    async def _stream_graphql(self, request: Request) -> None:
        wish: GraphQLWish = await requests.graphql_wish(request, self._receive, self._live.settings)
        visitor = self._visitor(request)
        async with AsyncExitStack() as stack:
            connection, shape = await self._subscriptions.open(wish, self._opener(stack, visitor))
            await self._write(connection, GraphQLForm(shape.render))

    def _opener(self, stack: AsyncExitStack, visitor: Visitor) -> Callable[..., Any]:
        async def open_field(name: str, arguments: dict[str, Any]) -> Connection:
            if FIELDS[name] is Kind.NOTIFICATION:
                requests.require(visitor.signed_in)
                after = arguments.get("after")
                place = None if after is None else requests.place(after, "after")
                return await self._live.open(stack, visitor, {Kind.NOTIFICATION}, [], place)
            drop_id = inputs.drop_id(arguments["dropId"], "dropId")
            return await self._live.open(stack, visitor, {FIELDS[name]}, [drop_id], None)

        return open_field

    def _visitor(self, request: Request) -> Visitor:
        settings = self._live.settings
        address = visits.address_of(request.headers.get("X-Forwarded-For", ""), request.remote_addr, settings)
        return Visitor(address, requests.signed_in(request, self._live.tokens))

    async def _write(self, connection: Connection, form: Form) -> None:
        self._live.process.metrics.count(f"http.live.{'graphql' if isinstance(form, GraphQLForm) else 'plain'}.200")
        self._has_begun = True
        # The stream may last for hours; what was asked of others to open it is done.
        tracing.answered(self._span, 200)
        await self._send({"type": "http.response.start", "status": 200, "headers": [*_STREAM, self._request_id()]})
        await write(connection, form, self._receive, self._send, self._live.tally)

    async def _refuse(self, error: LiveDropsError, body: Any) -> None:
        status = 405 if "allow" in error.data else problems.status_of(error)
        self._live.process.metrics.count(f"live.refused.{error.code}")
        extra = [(name.lower().encode(), value.encode()) for name, value in problems.headers_of(error).items()]
        if allow := error.data.pop("allow", None):
            extra.append((b"allow", allow.encode()))
        kind = JSON if body else problems.PROBLEM_JSON
        await self._json(status, body or problems.as_problem(error, self._call.correlation_id, status), kind, extra)

    async def _json(self, status: int, body: Any, kind: str = JSON, extra: Headers | None = None) -> None:
        tracing.answered(self._span, status)
        sent = msgspec.json.encode(body)
        headers = [
            (b"content-type", f"{kind}; charset=utf-8".encode()),
            (b"content-length", str(len(sent)).encode()),
            *[(name.lower().encode(), value.encode()) for name, value in visits.SAME_HEADERS],
            self._request_id(),
            *(extra or []),
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": sent})

    def _request_id(self) -> tuple[bytes, bytes]:
        return REQUEST_ID.lower().encode(), self._call.correlation_id.encode()


def _environ(scope: Scope) -> dict[str, Any]:
    given = {name.lower(): value.decode("latin-1") for name, value in reversed(list(scope["headers"]))}
    return {"HTTP_X_REQUEST_ID": given.get(b"x-request-id", ""), "HTTP_TRACEPARENT": given.get(b"traceparent", "")}
