"""Work that several ask for at once is done once: keys that wait for their turn, each at most once, and a few workers."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable

from services.contracts.errors import LiveDropsError

log = logging.getLogger("livedrops.live")
# After a failure: whoever is away is not asked by everybody in the same moment.
PAUSE_S = 1.0


class Chores:
    """do: takes up to `most` keys. What fails is not repeated here: the next look adds it again."""

    def __init__(self, name: str, do: Callable[[list[str]], Awaitable[None]], most: int, workers: int) -> None:
        self._name = name
        self._do = do
        self._most = most
        self._workers = workers
        # In the order of asking; bounded by what there is to be asked about.
        self._waiting: dict[str, None] = {}
        self._more = asyncio.Event()

    def add(self, keys: Iterable[str]) -> None:
        self._waiting.update(dict.fromkeys(keys))
        if self._waiting:
            self._more.set()

    def __len__(self) -> int:
        return len(self._waiting)

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(*(self._work() for _ in range(self._workers)))

    async def _work(self) -> None:
        while True:
            await self._more.wait()
            keys = [key for key, _ in zip(self._waiting, range(self._most), strict=False)]
            for key in keys:
                del self._waiting[key]
            if not self._waiting:
                self._more.clear()
            if keys:
                await self._try(keys)

    async def _try(self, keys: list[str]) -> None:
        try:
            await self._do(keys)
        except LiveDropsError as error:
            log.warning("%s: not now, looked at again soon", self._name, extra={"error": error.code})
            await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.0))
        except Exception:
            log.exception("%s: a look failed", self._name)
            await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.0))
