"""Questions that many ask at once are put some at a time: a crowd that comes in one second is not as many calls."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, copy_context
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

Answer = TypeVar("Answer")


class _Asked(NamedTuple, Generic[Answer]):
    """context: of who asked first."""

    answer: asyncio.Future[Answer]
    context: Context


class Together(Generic[Answer]):
    """bring: takes up to `most` different keys, and answers in their order. What it does is in the trace of whoever asked first of them all."""

    def __init__(self, bring: Callable[[list[str]], Coroutine[Any, Any, Sequence[Answer]]], most: int, workers: int) -> None:
        self._bring = bring
        self._most = most
        self._workers = workers
        # In the order of asking.
        self._waiting: dict[str, _Asked[Answer]] = {}
        self._more = asyncio.Event()

    async def ask(self, key: str) -> Answer:
        """Joins whoever asks the same and was not sent yet: nobody gets an answer that is older than their question. Raises what `bring` raises."""
        if key not in self._waiting:
            asked = self._waiting[key] = _Asked(asyncio.get_running_loop().create_future(), copy_context())
            # Whoever asked may have left.
            asked.answer.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._more.set()
        return await asyncio.shield(self._waiting[key].answer)

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

    async def _answer(self, asked: dict[str, _Asked[Answer]]) -> None:
        first = next(iter(asked.values()))
        try:
            answers = await asyncio.create_task(self._bring([*asked]), context=first.context)
            for one, answer in zip(asked.values(), answers, strict=True):
                one.answer.set_result(answer)
        except Exception as error:  # theirs to judge, who asked
            for one in asked.values():
                if not one.answer.done():
                    one.answer.set_exception(error)
