"""HTTP to receivers: to checked addresses only, bounded in time and size, without redirects. Connections are kept for some seconds.

The name is asked for once for each line; the line is tied to the address that was checked, and speaks TLS with the name.
"""

import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import eventlet
import urllib3
from urllib3.exceptions import HTTPError

from services.contracts.errors import Unavailable
from services.notifications.push import guard
from services.notifications.push.guard import Place

# Asks for a host and port; answers addresses. Raises OSError.
Resolve = Callable[[str, int], list[str]]
CONNECT_S, READ_S, WHOLE_S = 3.0, 5.0, 10.0
# DNS may have moved on after this, and a line that nobody uses is closed.
LINE_LIFE_S = 30.0
MOST_LINES = 1_000
# Failures are for the delay queues.
_NO_RETRIES = urllib3.Retry(False, redirect=False)
# Nothing of an answer's body is used; a short one is read, so that the line can be used again.
MOST_BODY = 16 * 1024
# A host that did not answer so often in a row is left alone for a while: its messages must not hold up everybody's.
SILENT_TIMES, SILENT_S = 5, 10.0


class Silent(Unavailable):
    """The receiver could not be reached, or did not answer in time."""


class Reply(NamedTuple):
    status: int
    retry_after: str | None


class _WholeTimeOver(Exception):
    pass


@dataclass
class _Line:
    pool: urllib3.HTTPConnectionPool
    until: float


@dataclass
class _Silence:
    times: int = 0
    until: float = 0.0


class Outbound:
    """anywhere: plain http, private addresses and all ports may be (development). tls: for receivers' certificates; the system's by default."""

    def __init__(self, resolve: Resolve, anywhere: bool, lines_a_host: int, tls: ssl.SSLContext | None = None) -> None:
        self._resolve = resolve
        self._anywhere = anywhere
        self._lines_a_host = lines_a_host
        self._tls = tls
        self._lines: OrderedDict[tuple[str, str, int], _Line] = OrderedDict()
        self._silences: OrderedDict[str, _Silence] = OrderedDict()

    def place_of(self, url: str) -> Place:
        """Raises AddressNotAllowed."""
        return guard.place_of(url, self._anywhere)

    def post(self, place: Place, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Raises AddressNotAllowed, Silent."""
        silence = self._silences.get(place.origin)
        if silence and silence.times >= SILENT_TIMES and time.monotonic() < silence.until:
            raise Silent(f"{place.origin} has been silent.")
        try:
            with eventlet.Timeout(WHOLE_S, _WholeTimeOver):
                reply = self._post(place, body, headers)
        except (HTTPError, OSError, _WholeTimeOver) as error:
            self._count_silence(place.origin)
            raise Silent(f"{place.origin} did not answer: {type(error).__name__}") from error
        self._silences.pop(place.origin, None)
        return reply

    def _post(self, place: Place, body: bytes, headers: Mapping[str, str]) -> Reply:
        response = self._line(place).urlopen(
            "POST",
            place.path,
            body,
            {**headers, "Host": place.origin, "User-Agent": "LiveDrops"},
            retries=_NO_RETRIES,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            response.read(MOST_BODY)
            if response.length_remaining == 0 or (response.length_remaining is None and not response.read(1)):
                response.release_conn()
        finally:
            response.close()
        return Reply(response.status, response.headers.get("Retry-After"))

    def _line(self, place: Place) -> urllib3.HTTPConnectionPool:
        key, now = (place.scheme, place.host, place.port), time.monotonic()
        line = self._lines.get(key)
        if line is None or line.until < now:
            address = guard.checked(place.host, self._resolve(place.host, place.port), self._anywhere)
            line = self._lines[key] = _Line(self._open(place, address), now + LINE_LIFE_S)
            self._lines.move_to_end(key)
            while len(self._lines) > MOST_LINES:
                self._lines.popitem(last=False)[1].pool.close()
        return line.pool

    def _open(self, place: Place, address: str) -> urllib3.HTTPConnectionPool:
        timeout = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
        if place.scheme == "http":
            return urllib3.HTTPConnectionPool(address, place.port, timeout=timeout, maxsize=self._lines_a_host)
        return urllib3.HTTPSConnectionPool(
            address,
            place.port,
            timeout=timeout,
            maxsize=self._lines_a_host,
            ssl_context=self._tls,
            server_hostname=place.host,
            assert_hostname=place.host,
        )

    def _count_silence(self, origin: str) -> None:
        silence = self._silences.setdefault(origin, _Silence())
        silence.times += 1
        silence.until = time.monotonic() + SILENT_S
        self._silences.move_to_end(origin)
        if len(self._silences) > MOST_LINES:
            self._silences.popitem(last=False)

    def close(self) -> None:
        for line in self._lines.values():
            line.pool.close()
        self._lines.clear()
