"""What many ask at once is put together, and each gets the answer to their own question."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from gateway.live.together import Together
from services.contracts.errors import Unavailable

MOST = 10


class Service:
    """Answers once it is let; who asks for "bad" makes the whole question fail."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.open = asyncio.Event()

    async def bring(self, keys: list[str]) -> Sequence[str]:
        self.asked.append(keys)
        await self.open.wait()
        if "bad" in keys:
            raise Unavailable()
        return [f"of {key}" for key in keys]


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 10))


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_crowd_is_a_few_questions_and_each_gets_its_own_answer() -> None:
    async def scene() -> None:
        service = Service()
        together = Together(service.bring, MOST, workers=1)
        working = asyncio.create_task(together.run())
        asking = [asyncio.create_task(together.ask(str(number))) for number in range(25)]
        service.open.set()

        assert await asyncio.gather(*asking) == [f"of {number}" for number in range(25)]
        assert [len(keys) for keys in service.asked] == [10, 10, 5]
        working.cancel()

    run(scene())


def test_who_asks_the_same_joins_a_question_that_waits_and_none_under_way() -> None:
    async def scene() -> None:
        service = Service()
        together = Together(service.bring, MOST, workers=1)
        working = asyncio.create_task(together.run())
        asking = [asyncio.create_task(together.ask("one"))]
        await settled()
        asking += [asyncio.create_task(together.ask("one")) for _ in range(3)]
        await settled()
        service.open.set()

        assert await asyncio.gather(*asking) == ["of one"] * 4
        assert service.asked == [["one"], ["one"]]
        working.cancel()

    run(scene())


def test_who_leaves_takes_no_answer_from_others() -> None:
    async def scene() -> None:
        service = Service()
        together = Together(service.bring, MOST, workers=1)
        working = asyncio.create_task(together.run())
        leaving, staying = asyncio.create_task(together.ask("one")), asyncio.create_task(together.ask("one"))
        await settled()
        leaving.cancel()
        await settled()
        service.open.set()

        assert await staying == "of one"
        working.cancel()

    run(scene())


def test_a_failure_is_told_to_those_who_asked_and_to_nobody_after_them() -> None:
    async def scene() -> None:
        service = Service()
        together = Together(service.bring, MOST, workers=1)
        working = asyncio.create_task(together.run())
        service.open.set()
        both = await asyncio.gather(together.ask("bad"), together.ask("good"), return_exceptions=True)

        assert [type(error) for error in both] == [Unavailable] * 2
        assert await together.ask("good") == "of good"
        working.cancel()

    run(scene())


def test_an_answer_that_is_too_short_is_a_failure() -> None:
    async def scene() -> None:
        async def bring(_keys: list[str]) -> Sequence[str]:
            return ["of one"]

        together = Together(bring, MOST, workers=1)
        working = asyncio.create_task(together.run())
        one, other = await asyncio.gather(together.ask("one"), together.ask("other"), return_exceptions=True)

        assert one == "of one"
        assert isinstance(other, ValueError)
        working.cancel()

    run(scene())
