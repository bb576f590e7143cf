"""Thousands of clients of live streams in one process: sockets, an epoll, and the time at which each heard what."""

import json
import re
import select
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

EVENT = re.compile(rb"event: (\w+)\n(?:id: [^\n]*\n)?data: ([^\n]*)\n\n")
# What is heard, as something to look up: an event's name, and what makes it this one.
Key = tuple[str, Any]
READ_BYTES = 65_536
WAIT_S = 0.2
_END_OF_CHUNK = b"\r\n"
_NOTHING_LEFT = (b"", _END_OF_CHUNK)
MOST_PIECES = 5_000


@dataclass
class Client:
    socket: socket.socket
    rest: bytes = b""
    names: set[str] = field(default_factory=set)


class Listeners:
    """Connect with `open`; `heard` has for each key the times, on time.time(), at which clients heard it first."""

    def __init__(self, address: str) -> None:
        place = urlsplit(address)
        self._place = (place.hostname or "", place.port or 80)
        self._poll = select.epoll()
        self._clients: dict[int, Client] = {}
        self._keys: dict[bytes, Key | None] = {}
        self._pieces: dict[bytes, list[Key]] = {}
        self.heard: defaultdict[Key, list[float]] = defaultdict(list)
        self.lost = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read_always, daemon=True)
        self._thread.start()

    def open(self, path: str, token: str | None) -> None:
        opened = socket.create_connection(self._place, timeout=30)
        sign_in = f"Authorization: Bearer {token}\r\n" if token else ""
        opened.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n{sign_in}\r\n".encode())
        opened.setblocking(False)
        self._clients[opened.fileno()] = Client(opened)
        self._poll.register(opened, select.EPOLLIN)

    def __len__(self) -> int:
        return len(self._clients)

    def greeted(self) -> int:
        """How many have heard the first event of their stream."""
        return len(self.heard[("hello", None)])

    def wait_for(self, key: Key, clients: int, timeout_s: float) -> list[float]:
        """The times at which so many have heard it, or as many as did in time."""
        deadline = time.monotonic() + timeout_s
        while len(self.heard[key]) < clients and time.monotonic() < deadline:
            time.sleep(0.01)
        return sorted(self.heard[key])

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()
        for client in self._clients.values():
            client.socket.close()
        self._poll.close()

    def _read_always(self) -> None:
        while not self._stopped.is_set():
            for number, _ in self._poll.poll(WAIT_S):
                self._read(number, self._clients[number])

    def _read(self, number: int, client: Client) -> None:
        try:
            data = client.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = time.time()
        if not data:
            self._poll.unregister(number)
            self.lost += 1
            return
        # What all are told in the same bytes is taken apart for the first of them only: this machine has other work.
        known = self._pieces.get(data) if client.rest in _NOTHING_LEFT else None
        if known is None:
            known, rest = self._taken_apart(client.rest + data)
            if rest == _END_OF_CHUNK and client.rest in _NOTHING_LEFT and len(self._pieces) < MOST_PIECES:
                self._pieces[data] = known
            client.rest = rest
        for key in known:
            self.heard[key].append(now)

    def _taken_apart(self, text: bytes) -> tuple[list[Key], bytes]:
        """What it tells of, and what is not whole yet."""
        keys, end = [], 0
        for found in EVENT.finditer(text):
            end = found.end()
            key = self._key(found[0])
            if key is not None:
                keys.append(key)
        return keys, text[end:]

    def _key(self, event: bytes) -> Key | None:
        """Parsed once, however many hear it."""
        found = EVENT.match(event)
        assert found is not None
        raw = found[1] + found[2] if found[1] != b"hello" else b"hello"
        if raw not in self._keys:
            self._keys[raw] = key_of(found[1].decode(), json.loads(found[2]))
        return self._keys[raw]


def key_of(name: str, data: Any) -> Key | None:
    marks: dict[str, Callable[[], Any]] = {
        "hello": lambda: None,
        "stock": lambda: (data["dropId"], data["version"]),
        "state": lambda: (data["dropId"], data["state"], data["now"]),
        "notification": lambda: (data["kind"], data["id"], data["at"]),
    }
    return (name, marks[name]()) if name in marks else None


def percentiles(delays_s: Sequence[float]) -> str:
    """In milliseconds."""
    if not delays_s:
        return "nothing heard"
    ordered = sorted(delays_s)
    marks = {name: ordered[min(len(ordered) - 1, int(len(ordered) * part))] for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    shown = ", ".join(f"{name} {1000 * value:,.0f}" for name, value in marks.items())
    return f"{shown}, max {1000 * ordered[-1]:,.0f} ms of {len(ordered):,}"
