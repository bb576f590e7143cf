"""Clients of live streams as good ones are: whenever the line is lost they come back, with what they saw last."""

import http.client
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from services.contracts.orders import Stock
from tests.conftest import Person, eventually
from tests.integration.streams import Event, Opener, Stream

# Whatever was restarted, a stream can be opened again within this.
OPENED_WITHIN_S = 60.0
# Between two tries to open one.
TRIES_EVERY_S = 0.2
LOOKS_EVERY_S = 0.05


class Follower:
    """Comes back each time with what it saw last, as an EventSource does."""

    def __init__(self, open_stream: Opener, fan: Person, drop: Stock, begin: str) -> None:
        self._open = open_stream
        self._drop = drop
        self._last = begin
        self.fan = fan
        self.stream: Stream | None = None
        self.seen: list[Event] = []
        self.losses = 0

    def come_back(self) -> Stream:
        self.stream = eventually(self._opened, OPENED_WITHIN_S, TRIES_EVERY_S)
        return self.stream

    def lose(self, stream: Stream) -> None:
        stream.close()
        assert stream.is_over.wait(10)
        self.stream = None
        self._last = stream.last_id() or self._last
        self.seen += notes_of(stream)

    def notes(self) -> list[Event]:
        """All notifications so far, in the order of being told."""
        stream, seen = self.stream, list(self.seen)
        return seen + (notes_of(stream) if stream else [])

    def _opened(self) -> Stream | None:
        try:
            stream = self._open(self.fan, {"Last-Event-ID": self._last}, inbox=1, drop=self._drop.drop_id)
        except (OSError, http.client.HTTPException):
            return None
        return stream if stream.status == 200 else None

    def follow(self, over: threading.Event) -> None:
        """Have a stream until it is over; whenever one ends, open the next."""
        while not over.is_set():
            stream = self.come_back()
            while not over.is_set() and not stream.is_over.wait(LOOKS_EVERY_S):
                continue
            self.losses += not over.is_set()
            self.lose(stream)


@contextmanager
def following_streams(followers: Sequence[Follower]) -> Iterator[None]:
    """Each has a stream for the block. Raises what any of them ran into."""
    over = threading.Event()
    with ThreadPoolExecutor(len(followers), "follower") as threads:
        running = [threads.submit(follower.follow, over) for follower in followers]
        try:
            yield
        finally:
            over.set()
    for one in running:
        one.result()


def notes_of(stream: Stream) -> list[Event]:
    return [event for event in list(stream.events) if event.name == "notification"]


def numbers_of(seen: list[Event], personal: bool) -> list[int]:
    """As the positions have them, in the order of being told."""
    return [int(str(event.id).split("-")[0 if personal else 1]) for event in seen if event.data["personal"] is personal]
