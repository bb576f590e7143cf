"""Waiting for a condition, always with a deadline."""

import time
from collections.abc import Callable

# Short enough that a start loses nothing to it, long enough that the polling costs no visible CPU.
POLL_S = 0.05


def wait_until(condition: Callable[[], bool], timeout_s: float, poll_s: float = POLL_S) -> bool:
    """Poll until the condition holds (True) or the time is over (False)."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(poll_s)
    return True
