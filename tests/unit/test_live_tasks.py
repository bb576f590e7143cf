"""Tasks end, also where a cancellation gets lost."""

import asyncio

from gateway.live.tasks import end


def test_a_task_that_loses_a_cancellation_is_cancelled_again() -> None:
    lost = list[str]()

    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            lost.append("one")
        await asyncio.sleep(60)

    async def scene() -> None:
        tasks = [asyncio.create_task(stubborn()), asyncio.create_task(asyncio.sleep(60))]
        await asyncio.sleep(0)
        await asyncio.wait_for(end(*tasks), 10)

        assert all(task.cancelled() for task in tasks)

    asyncio.run(scene())
    assert lost == ["one"]


def test_those_that_have_ended_are_left_as_they_are() -> None:
    async def fail() -> None:
        raise ValueError("of its own")

    async def scene() -> None:
        tasks = [asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(0, "done"))]
        await asyncio.wait(tasks)
        await end(*tasks)
        await end()

        assert isinstance(tasks[0].exception(), ValueError)
        assert tasks[1].result() == "done"

    asyncio.run(scene())
