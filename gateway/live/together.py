"""Questions that many ask at once are put some at a time: a crowd that comes in one second is not as many calls."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Together(Generic[Answer]):
    """bring: takes up to `most` different keys, and answers in their order."""

    def __init__(self, bring: Callable[[list[str]], Awaitable[Sequence[Answer]]], most: int, workers: int) -> None:
        self._bring = bring
        self._most = most
        self._workers = workers
        # In the order of asking.
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._more = asyncio.Event()

    async def ask(self, key: str) -> Answer:
        """Joins whoever asks the same and was not sent yet: nobody gets an answer that is older than their question. Raises what `bring` raises."""
        if key not in self._waiting:
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
            # Whoever asked may have left.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._more.set()
        return await asyncio.shield(self._waiting[key])

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(*(self._work() for _ in range(self._workers)))

    async def _work(self) -> None:
        while True:
            await self._more.wait()
            asked = dict(islice(self._waiting.items(), self._most))
            for key in asked:
                del self._waiting[key]
            if not self._waiting:
                self._more.clear()
            if asked:
                await self._answer(asked)

    async def _answer(self, asked: dict[str, "asyncio.Future[Answer]"]) -> None:
        try:
            for future, answer in zip(asked.values(), await self._bring([*asked]), strict=True):
                future.set_result(answer)
        except Exception as error:  # theirs to judge, who asked
            for future in asked.values():
                if not future.done():
                    future.set_exception(error)
