"""A client of live streams, which notes all that it is told."""

import http.client
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from services.contracts.events import DropSoldOut
from services.contracts.events import Event as DomainEvent
from tests.conftest import Person, eventually


@dataclass(frozen=True)
class Event:
    """at: when it was read, on time.monotonic()."""

    name: str
    id: str | None
    data: Any
    at: float = field(default_factory=time.monotonic, compare=False)


class Stream:
    """Opened at once. status, headers: of the answer. body: what was answered instead of a stream."""

    def __init__(self, address: str, path: str, headers: dict[str, str] | None = None, body: str | None = None) -> None:
        place = urlsplit(address)
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        self._connection.request("GET" if body is None else "POST", path, body, headers or {})
        self._response = self._connection.getresponse()
        self.status = self._response.status
        self.headers = {name.lower(): value for name, value in self._response.getheaders()}
        self.events: list[Event] = []
        self.comments = 0
        self.retry_ms: list[int] = []
        self.is_over = threading.Event()
        self.body = b""
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            threading.Thread(target=self._read, daemon=True).start()
        else:
            self.body = self._response.read()
            self.close()

    def problem(self) -> Any:
        return json.loads(self.body)

    def of(self, name: str) -> list[Any]:
        """The data of all events of this name, so far."""
        return [event.data for event in self.events if event.name == name]

    def wait_for(self, name: str, accept: Callable[[Any], bool] = lambda data: True, timeout_s: float = 15.0) -> Any:
        """The data of the first such event."""
        assert self.status == 200, self.body
        return eventually(lambda: next(([data] for data in self.of(name) if accept(data)), None), timeout_s)[0]

    def last_id(self) -> str | None:
        return next((event.id for event in reversed(self.events) if event.id), None)

    def close(self) -> None:
        with suppress(OSError, AttributeError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self._response.close()
        self._connection.close()

    def _read(self) -> None:
        with suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            lines: list[str] = []
            while line := self._response.readline():
                text = line.decode().rstrip("\n")
                if text:
                    lines.append(text)
                else:
                    self._note(lines)
                    lines = []
        self.is_over.set()

    def _note(self, lines: list[str]) -> None:
        fields = dict(line.split(": ", 1) for line in lines if ": " in line)
        self.comments += any(line.startswith(":") for line in lines)
        if "retry" in fields:
            self.retry_ms.append(int(fields["retry"]))
        if "event" in fields:
            data = fields.get("data", "")
            self.events.append(Event(fields["event"], fields.get("id"), json.loads(data) if data else None))


def sold_out(creator_id: str) -> DomainEvent:
    """The event of a drop of this creator."""
    payload = DropSoldOut(str(uuid.uuid4()), creator_id, "A hat", 5, 1)
    return DomainEvent(str(uuid.uuid4()), "drop.sold_out", datetime.now(UTC), msgspec.to_builtins(payload))


Opener = Callable[..., Stream]


@contextmanager
def opener(address: str) -> Iterator[Opener]:
    """Opens streams, which are closed behind the block. who: signed in by the header."""
    opened: list[Stream] = []

    def open_stream(who: Person | None = None, headers: dict[str, str] | None = None, path: str = "/live", **asked: Any) -> Stream:
        token = {"Authorization": f"Bearer {who.token}"} if who else {}
        query = urlencode([(name, one) for name, value in asked.items() for one in (value if isinstance(value, list) else [value])])
        opened.append(Stream(address, f"{path}?{query}", {**token, **(headers or {})}))
        return opened[-1]

    yield open_stream
    for stream in opened:
        stream.close()
