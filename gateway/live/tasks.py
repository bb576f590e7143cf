"""The end of asyncio's tasks."""

import asyncio
from typing import Any

AGAIN_AFTER_S = 0.2


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel them, and return once they have ended, however they did.

    A cancellation can get lost: before Python 3.12, asyncio.wait_for, which redis-py writes through, drops one that comes together with its
    result (https://github.com/python/cpython/issues/86296). Then it is repeated.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_AFTER_S)
