"""How long the books of drops are waited for and held, told by drop for the few that are hot.

A metric with a name for each drop would grow without end. So a drop gets a name of its own once it had TRANSACTIONS in a minute, while one of
PLACES is free, and keeps it for as long as it stays that hot; everything else is told together as "others". So a process has at most PLACES names at
a time, and takes at most as many new ones a minute; what cooled down is forgotten by who gathers the metrics (monitoring/statsd.yaml).
What a drop did before it was hot, and a sixth hot drop, are among the others.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable

from services.kernel.metrics import Metrics

PLACES = 5
# A drop that nobody fights for has fewer.
TRANSACTIONS = 20
MINUTE_S = 60.0
# Drops that are counted in a minute; the hot ones among more are found a minute later.
MOST_COUNTED = 2_000
OTHERS = "others"


class HotDrops:
    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._clock = clock
        self._lock = threading.Lock()
        self._counts = Counter[str]()
        self._hot: set[str] = set()
        self._minute_ends = clock() + MINUTE_S

    def note(self, drop_id: str, lock_waited_s: float, held_s: float) -> None:
        """One transaction: how long it waited for the drop's row, and how long it held its connection."""
        name = self.name_of(drop_id)
        self._metrics.timing(f"orders.drop.{name}.lock_waited", lock_waited_s)
        self._metrics.timing(f"orders.drop.{name}.held", held_s)

    def name_of(self, drop_id: str) -> str:
        """Count one transaction of a drop, and say what it is told as."""
        with self._lock:
            if self._clock() >= self._minute_ends:
                self._begin_minute()
            if drop_id in self._counts or len(self._counts) < MOST_COUNTED:
                self._counts[drop_id] += 1
            if self._counts[drop_id] >= TRANSACTIONS and len(self._hot) < PLACES:
                self._hot.add(drop_id)
            return drop_id if drop_id in self._hot else OTHERS

    def _begin_minute(self) -> None:
        self._hot = {drop_id for drop_id in self._hot if self._counts[drop_id] >= TRANSACTIONS}
        self._counts.clear()
        self._minute_ends = self._clock() + MINUTE_S
