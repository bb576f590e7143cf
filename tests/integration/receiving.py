"""Receivers of what is pushed: an HTTP server that answers as it is told, a browser's keys, and a mail server."""

import base64
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import http_ece
import jwt
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography.hazmat.primitives.asymmetric import ec

from services.contracts.notifications import EndpointKind, NewEndpoint
from services.kernel import push_keys

# A status and headers.
Reply = tuple[int, dict[str, str]]
OK: Reply = (204, {})


@dataclass(frozen=True)
class Received:
    """at: when it came, on time.monotonic()."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic, compare=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """answer: says what to answer; all that came is in `received`, in the order it came."""

    url: str
    received: list[Received] = field(default_factory=list)
    answer: Callable[[Received], Reply] = lambda _: OK

    def at(self, path: str) -> list[Received]:
        return [one for one in self.received if one.path == path]


class _Server(ThreadingHTTPServer):
    # A fan-out opens many lines at once.
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Who sends may be killed: a line that breaks is nothing to tell of."""


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A server on this machine for the block."""
    server = _Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    made = Receiver(f"http://127.0.0.1:{server.server_address[1]}")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            one = Received(self.path, dict(self.headers.items()), body)
            made.received.append(one)
            status, headers = made.answer(one)
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server.RequestHandlerClass = Handler
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="receiver")
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Browser:
    """What a browser subscribes with, and how it reads what it is sent."""

    def __init__(self, vendor: str) -> None:
        self.url = vendor
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._secret = b"0123456789abcdef"

    def subscription(self) -> NewEndpoint:
        public = push_keys.to_text(push_keys.point_of(self._key.public_key()))
        return NewEndpoint(EndpointKind.WEB_PUSH, self.url, public, push_keys.to_text(self._secret))

    def read(self, received: Received) -> Any:
        """Raises where it was not encrypted for this browser."""
        assert received.headers["Content-Encoding"] == "aes128gcm"
        return json.loads(http_ece.decrypt(received.body, private_key=self._key, auth_secret=self._secret, version="aes128gcm"))


def vapid_claims(received: Received, expected_key: str, audience: str) -> Any:
    """What the token of a message says, once its signature was found right."""
    found = re.fullmatch(r"vapid t=(\S+), k=(\S+)", received.headers["Authorization"])
    assert found is not None
    assert found[2] == expected_key
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), base64.urlsafe_b64decode(found[2] + "="))
    return jwt.decode(found[1], public, algorithms=["ES256"], audience=audience)


@dataclass
class Mailbox:
    """All that the mail server took, by address. refuses: addresses that it answers with this text to."""

    port: int
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)

    def to(self, address: str) -> list[bytes]:
        return [mail for to, mail in self.taken if to == address]


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """An SMTP server on this machine for the block."""
    box = Mailbox(_free_port())

    class Handler:
        async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
            if address in box.refuses:
                return box.refuses[address]
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
            box.taken += [(to, envelope.original_content or b"") for to in envelope.rcpt_tos]
            return "250 OK"

    controller = Controller(Handler(), hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
