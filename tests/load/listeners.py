"""Thousands of clients of live streams, in a process of C, and the time at which each heard what."""

import json
import re
import struct
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.load.generator import compiled

SOURCE = Path(__file__).with_name("listeners.c")
EVENT = re.compile(rb"event: (\w+)\n(?:id: [^\n]*\n)?data: ([^\n]*)\n\n")
# What is heard, as something to look up: an event's name, and what makes it this one.
Key = tuple[str, Any]
# A record, as the program's comment describes it: time, kind, number.
RECORD = struct.Struct("=dII")
HEARD, LOST, TEXT = range(3)
READ_BYTES = 65_536


class Listeners:
    """Connect with `open`; `heard` has by name and mark the times, on time.time(), at which clients heard it first."""

    def __init__(self, address: str) -> None:
        self._process = subprocess.Popen(
            [compiled(SOURCE), str(urlsplit(address).port or 80)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._opened = 0
        self._lock = threading.Lock()
        self.heard: defaultdict[str, defaultdict[Any, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.lost = 0
        self._thread = threading.Thread(target=self._read_always, daemon=True)
        self._thread.start()

    def open(self, path: str, token: str | None) -> None:
        """It is under way."""
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(f"{path}\t{token or ''}\n".encode())
            self._process.stdin.flush()
            self._opened += 1

    def __len__(self) -> int:
        return self._opened

    def greeted(self) -> int:
        """How many have heard the first event of their stream."""
        return len(self.heard["hello"][None])

    def wait_for(self, key: Key, clients: int, timeout_s: float) -> list[float]:
        """The times at which so many have heard it, or as many as did in time."""
        name, mark = key
        deadline, heard = time.monotonic() + timeout_s, self.heard[name][mark]
        while len(heard) < clients and time.monotonic() < deadline:
            time.sleep(0.01)
        return sorted(heard)

    def close(self) -> None:
        self._process.terminate()
        self._thread.join()
        self._process.communicate()

    def _read_always(self) -> None:
        """Until the program ends."""
        out, rest, texts = self._process.stdout, b"", list[list[float] | None]()
        assert isinstance(out, BufferedReader)
        while some := out.read1(READ_BYTES):
            rest = self._take(rest + some, texts)

    def _take(self, records: bytes, texts: list[list[float] | None]) -> bytes:
        """What is not whole yet. texts: where the times of each belong, None where it is of no interest."""
        begin = 0
        while len(records) - begin >= RECORD.size:
            at, kind, number = RECORD.unpack_from(records, begin)
            end = begin + RECORD.size
            if kind == HEARD:
                if (heard := texts[number]) is not None:
                    heard.append(at)
            elif kind == TEXT:
                if len(records) < end + number:
                    break
                key = _key(records[end : end + number])
                texts.append(None if key is None else self.heard[key[0]][key[1]])
                end += number
            else:
                self.lost = number
            begin = end
        return records[begin:]


def _key(event: bytes) -> Key | None:
    found = EVENT.match(event)
    assert found is not None, event
    return key_of(found[1].decode(), json.loads(found[2]))


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
