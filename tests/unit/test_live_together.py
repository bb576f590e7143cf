"""What many ask at once is put together, and each gets the answer to their own question."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from gateway.live.together import Together
from services.contracts.errors import Unavailable

MOST = 10
ASKER = ContextVar("asker", default="nobody")


class Service:
    """Answers once it is open; who asks for "bad" makes the whole question fail."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.open = asyncio.Event()

    async def bring(self, keys: list[str]) -> Sequence[str]:
        self.asked.append(keys)
        await self.open.wait()
        if "bad" in keys:
            raise Unavailable()
        return [f"of {key}" for key in keys]


@asynccontextmanager
async def at_work(bring: Callable[[list[str]], Coroutine[Any, Any, Sequence[str]]]) -> AsyncIterator[Together[str]]:
    together = Together(bring, MOST, workers=1)
    working = asyncio.create_task(together.run())
    yield together
    working.cancel()


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 10))


async def asking(together: Together[str], *keys: str) -> list["asyncio.Task[str]"]:
    """They have asked, and whoever is free has taken up what they can."""
    tasks = [asyncio.create_task(together.ask(key)) for key in keys]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


def test_a_crowd_is_a_few_questions_and_each_gets_its_own_answer() -> None:
    async def scene() -> None:
        service = Service()
        async with at_work(service.bring) as together:
            everybody = await asking(together, *map(str, range(25)))
            service.open.set()

            assert await asyncio.gather(*everybody) == [f"of {number}" for number in range(25)]
            assert [len(keys) for keys in service.asked] == [10, 10, 5]

    run(scene())


def test_who_asks_the_same_joins_a_question_that_waits_and_none_under_way() -> None:
    async def scene() -> None:
        service = Service()
        async with at_work(service.bring) as together:
            first = await asking(together, "one")
            others = await asking(together, "one", "one", "one")
            service.open.set()

            assert await asyncio.gather(*first, *others) == ["of one"] * 4
            assert service.asked == [["one"], ["one"]]

    run(scene())


def test_who_leaves_takes_no_answer_from_others() -> None:
    async def scene() -> None:
        service = Service()
        async with at_work(service.bring) as together:
            leaving, staying = await asking(together, "one", "one")
            leaving.cancel()
            service.open.set()

            assert await staying == "of one"
            assert leaving.cancelled()

    run(scene())


def test_a_failure_is_told_to_those_who_asked_and_to_nobody_after_them() -> None:
    async def scene() -> None:
        service = Service()
        service.open.set()
        async with at_work(service.bring) as together:
            both = await asyncio.gather(*await asking(together, "bad", "good"), return_exceptions=True)

            assert [type(error) for error in both] == [Unavailable] * 2
            assert await together.ask("good") == "of good"

    run(scene())


def test_an_answer_that_is_too_short_is_a_failure() -> None:
    async def bring(_keys: list[str]) -> Sequence[str]:
        return ["of one"]

    async def scene() -> None:
        async with at_work(bring) as together:
            one, other = await asyncio.gather(*await asking(together, "one", "other"), return_exceptions=True)

            assert one == "of one"
            assert isinstance(other, ValueError)

    run(scene())


def test_what_is_asked_for_many_is_asked_in_the_name_of_the_first() -> None:
    async def bring(keys: list[str]) -> Sequence[str]:
        return [ASKER.get()] * len(keys)

    async def ask(together: Together[str], asker: str) -> str:
        ASKER.set(asker)
        return await together.ask(asker)

    async def scene() -> None:
        async with at_work(bring) as together:
            assert await asyncio.gather(*(asyncio.create_task(ask(together, asker)) for asker in ("ann", "bob"))) == ["ann", "ann"]

    run(scene())
