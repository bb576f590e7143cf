"""What waits to be written to one client. Notifications wait in order and are bounded; of stock and state only the latest waits."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.live.news import Kind, News

Letter = tuple[News, str]


class Ending(StrEnum):
    """Why a stream ends. GONE: the client left. SLOW: it does not keep up. LOST: what it is to be told can't be had now."""

    GONE = "gone"
    SLOW = "slow"
    LOST = "lost"
    EXPIRED = "expired"
    STOPPING = "stopping"


@dataclass(frozen=True)
class Hello:
    """position: where the inbox begins, None for a stream that has none."""

    position: str | None = None


@dataclass
class Batch:
    """What is to be written now, in this order. hello: where the stream begins, once. letters: notifications, each with the position behind it.
    beat: nothing was written for long."""

    hello: Hello | None = None
    latest: list[News] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    beat: bool = False
    ending: Ending | None = None


class Connection:
    """One client's stream, as an endless iterator of batches.

    kinds: what it wants to be told. capacity: letters that may wait. until: when its sign-in runs out, in seconds since 1970.
    """

    def __init__(self, kinds: Collection[Kind], capacity: int, until: float | None = None) -> None:
        self.kinds = frozenset(kinds)
        self.until = until
        self.ending: Ending | None = None
        # Ends the writing at once, whatever waits.
        self.abort: Callable[[], object] = lambda: None
        # On the loop's clock: when the last batch was taken, and whether it is still being written.
        self.taken_at = asyncio.get_running_loop().time()
        self.is_writing = False
        self._capacity = capacity
        self._letters: deque[Letter] = deque()
        self._latest: dict[tuple[Kind, str | None], News] = {}
        self._hello: Hello | None = None
        self._is_greeted = False
        self._beat = False
        self._wake = asyncio.Event()
        self._emptied = asyncio.Event()

    def greet(self, position: str | None = None) -> None:
        """It is known where the stream begins. What is told before waits for this."""
        self._hello, self._is_greeted = Hello(position), True
        self._wake.set()

    def tell(self, news: News, position: str) -> None:
        """A notification. Who has too many of them waiting is closed: it comes back and goes on from where it was."""
        if len(self._letters) >= self._capacity:
            self.finish(Ending.SLOW)
            return
        self._letters.append((news, position))
        self._wake_if_greeted()

    def tell_latest(self, news: News) -> None:
        """In place of what still waits of the same subject."""
        if news.kind in self.kinds:
            self._latest[news.subject] = news
            self._wake_if_greeted()

    def beat(self) -> None:
        """Write something, so that nobody on the way takes the line for dead."""
        self._beat = True
        self._wake.set()

    def finish(self, ending: Ending) -> None:
        """The first reason counts. What waits is written before, unless nobody is there to take it."""
        self.ending = self.ending or ending
        self._wake.set()
        self._emptied.set()

    async def room(self, letters: int) -> None:
        """Until so many more may be told, or it has ended."""
        while self.ending is None and len(self._letters) > max(0, self._capacity - letters):
            self._emptied.clear()
            await self._emptied.wait()

    def _wake_if_greeted(self) -> None:
        if self._is_greeted:
            self._wake.set()

    def __aiter__(self) -> "Connection":
        return self

    async def __anext__(self) -> Batch:
        self.is_writing = False
        await self._wake.wait()
        self._wake.clear()
        batch = Batch(beat=self._beat, ending=self.ending)
        self._beat = False
        if self._is_greeted:
            batch.hello, batch.latest, batch.letters = self._hello, list(self._latest.values()), list(self._letters)
            self._hello = None
            self._latest.clear()
            self._letters.clear()
            self._emptied.set()
        self.taken_at, self.is_writing = asyncio.get_running_loop().time(), True
        return batch
