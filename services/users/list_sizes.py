"""How long pages of followers take, told by how long the list is: a celebrity's must take no longer than anyone's."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.contracts.errors import LiveDropsError
from services.kernel.metrics import Metrics
from services.users.lists import Lists

# Names of sizes, each up to this many followers.
SIZES = ((1_000, "under_1k"), (100_000, "under_100k"))
LARGEST, UNKNOWN = "over_100k", "unknown"
# A list changes its size class seldom: one more look for each creator in ten minutes.
KNOWN_FOR_S = 600.0
MOST_KNOWN = 10_000


class ListSizes:
    def __init__(self, lists: Lists, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._lists = lists
        self._metrics = metrics
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, float]] = {}

    @contextmanager
    def timed(self, creator_id: str) -> Iterator[None]:
        """Time a page of this creator's list. How long the list is is looked up outside of the time, and its failing fails no page."""
        began = time.perf_counter()
        yield
        elapsed_s = time.perf_counter() - began
        self._metrics.timing(f"users.follower_page.{self._size(creator_id)}", elapsed_s)

    def _size(self, creator_id: str) -> str:
        known = self._known.get(creator_id)
        if known and self._clock() < known[1]:
            return known[0]
        try:
            followers = self._lists.counts([creator_id])[creator_id].followers
        except LiveDropsError:
            return UNKNOWN
        size = size_of(followers)
        with self._lock:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[creator_id] = size, self._clock() + KNOWN_FOR_S
        return size


def size_of(followers: int) -> str:
    return next((name for bound, name in SIZES if followers < bound), LARGEST)
