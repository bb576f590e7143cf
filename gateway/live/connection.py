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


@dataclass(slots=True)
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

    A crowd that watches one drop is told by one loop, a client after the other: what is done for each of them counts.
    """

    def __init__(self, kinds: Collection[Kind], capacity: int, until: float | None = None) -> None:
        # As plain strings, whose hashes are kept.
        self._wanted = frozenset(kind.value for kind in kinds)
        self.until = until
        self.ending: Ending | None = None
        # Ends the writing at once, whatever waits.
        self.abort: Callable[[], object] = lambda: None
        self._loop = asyncio.get_running_loop()
        # On the loop's clock: when the last batch was taken, and whether it is still being written.
        self.taken_at = self._loop.time()
        self.is_writing = False
        self._capacity = capacity
        self._letters: deque[Letter] = deque()
        self._latest: dict[str, News] = {}
        self._hello: Hello | None = None
        self._is_greeted = False
        self._beat = False
        self._is_due = False
        self._waiting: asyncio.Future[None] | None = None
        self._emptied = asyncio.Event()

    def greet(self, position: str | None = None) -> None:
        """It is known where the stream begins. What is told before waits for this."""
        self._hello, self._is_greeted = Hello(position), True
        self._wake()

    def tell(self, news: News, position: str) -> None:
        """A notification. Who has too many of them waiting is closed: it comes back and goes on from where it was."""
        if len(self._letters) >= self._capacity:
            self.finish(Ending.SLOW)
            return
        self._letters.append((news, position))
        if self._is_greeted:
            self._wake()

    def tell_latest(self, news: News) -> None:
        """In place of what still waits of the same subject."""
        if news.name in self._wanted:
            self._latest[news.subject] = news
            if self._is_greeted:
                self._wake()

    def beat(self) -> None:
        """Write something, so that nobody on the way takes the line for dead."""
        self._beat = True
        self._wake()

    def finish(self, ending: Ending) -> None:
        """The first reason counts. What waits is written before, unless nobody is there to take it."""
        self.ending = self.ending or ending
        self._wake()
        self._emptied.set()

    async def room(self, letters: int) -> None:
        """Until so many more may be told, or it has ended."""
        while self.ending is None and len(self._letters) > max(0, self._capacity - letters):
            self._emptied.clear()
            await self._emptied.wait()

    def _wake(self) -> None:
        self._is_due = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def __aiter__(self) -> "Connection":
        return self

    async def __anext__(self) -> Batch:
        await self.due()
        return self.take()

    async def due(self) -> None:
        """Until there is something to write. What was taken before has been written."""
        self.is_writing = False
        if not self._is_due:
            self._waiting = self._loop.create_future()
            await self._waiting
        self._is_due = False
        self.taken_at, self.is_writing = self._loop.time(), True

    def take_latest(self) -> tuple[News, ...] | None:
        """What is due, where that is stock and state and nothing else: so it is for a crowd that watches a sale."""
        if not self._latest or self._letters or self._hello or self._beat or self.ending or not self._is_greeted:
            return None
        latest = tuple(self._latest.values())
        self._latest.clear()
        return latest

    def take(self) -> Batch:
        """All that is due."""
        batch = Batch(beat=self._beat, ending=self.ending)
        self._beat = False
        if self._is_greeted:
            batch.hello, batch.latest, batch.letters = self._hello, list(self._latest.values()), list(self._letters)
            self._hello = None
            self._latest.clear()
            self._letters.clear()
            self._emptied.set()
        return batch
