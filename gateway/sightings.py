"""What only gateways see: who looked at a drop, and who was refused. Counted here, told to analytics every few seconds.

A report that can't be told is told again under its own id, so none counts twice. A gateway that is killed takes what it has not told with it.
"""

import logging
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from services.contracts.analytics import Analytics, Seen
from services.contracts.errors import Busy, Ended, InsufficientStock, LimitReached, LiveDropsError, NotStarted, SoldOut
from services.contracts.orders import OrderStatus
from services.contracts.tallies import Counts
from services.kernel import calls
from services.kernel.cache import batched
from services.kernel.metrics import Metrics

log = logging.getLogger("livedrops.sightings")
TELL_EVERY_S = 5.0
TELL_TIMEOUT_S = 5.0
# Of one report; the contract takes 500.
REPORT_SIZE = 500
# Beyond these, what is seen is not counted until it is told: memory has an end.
MOST_DROPS = 20_000
MOST_VISITORS = 100_000
# Which count an order adds to that was refused with this code. Wishes for what there is not, or that are malformed, are counted nowhere.
_REFUSALS = {
    SoldOut.code: "sold_out",
    LimitReached.code: "limit_reached",
    InsufficientStock.code: "insufficient_stock",
    NotStarted.code: "not_open",
    Ended.code: "not_open",
    Busy.code: "busy",
}


class _Key(NamedTuple):
    drop_id: str
    minute: int
    measure: str


class _Report(NamedTuple):
    id: str
    seen: list[Seen]


class Sightings:
    def __init__(self, analytics: Analytics, metrics: Metrics, most_waiting: int, clock: Callable[[], float] = time.time) -> None:
        """most_waiting: reports that are kept while they can't be told. clock: seconds since 1970."""
        self._analytics = analytics
        self._metrics = metrics
        self._most_waiting = most_waiting
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: Counter[_Key] = Counter()
        self._creators: dict[str, str] = {}
        # (drop, visitor) of this minute.
        self._visitors: set[tuple[str, str]] = set()
        self._minute = 0
        self._waiting: deque[_Report] = deque()

    def viewed(self, drop_id: str, creator_id: str, visitor: str) -> None:
        """Somebody looked at a drop; once a minute counts. visitor: a person's id, or the address of somebody who is not signed in."""
        minute = int(self._clock()) // 60
        with self._lock:
            if minute != self._minute:
                self._minute = minute
                self._visitors.clear()
            if (drop_id, visitor) in self._visitors or len(self._visitors) >= MOST_VISITORS:
                return
            self._visitors.add((drop_id, visitor))
            self._creators[drop_id] = creator_id
            self._add(_Key(drop_id, minute, "views"))
        self._metrics.count("sightings.views")

    def bought(self) -> None:
        """An order was confirmed, for the first time or again. Analytics hears of it from its event."""
        self._metrics.count(f"orders.outcome.{OrderStatus.CONFIRMED}")

    def refused(self, drop_id: str, code: str) -> None:
        """An order for a drop was refused, or failed."""
        self._metrics.count(f"orders.outcome.{code}")
        measure = _REFUSALS.get(code)
        if measure:
            with self._lock:
                self._add(_Key(drop_id, int(self._clock()) // 60, measure))

    def _add(self, key: _Key) -> None:
        if key in self._counts or len(self._counts) < MOST_DROPS:
            self._counts[key] += 1

    def start(self) -> None:
        """Tell from now on, in a thread of its own that ends with the process."""
        threading.Thread(target=self._tell_always, name="sightings", daemon=True).start()

    def _tell_always(self) -> None:
        while True:
            time.sleep(TELL_EVERY_S)
            try:
                self.tell()
            except Exception:
                log.exception("what was seen could not be told")

    def tell(self) -> None:
        """Tell all that was seen so far, as far as analytics takes it; the rest waits."""
        with self._lock:
            counts, creators = self._counts, self._creators
            self._counts, self._creators = Counter(), {}
        self._waiting.extend(_Report(str(uuid.uuid4()), seen) for seen in batched(_seen(counts, creators), REPORT_SIZE))
        while len(self._waiting) > self._most_waiting:
            self._waiting.popleft()
            self._metrics.count("sightings.lost")
        while self._waiting and self._told(self._waiting[0]):
            self._waiting.popleft()

    def _told(self, report: _Report) -> bool:
        try:
            with calls.under(calls.begin(TELL_TIMEOUT_S)):
                self._analytics.report(report_id=report.id, seen=report.seen)
            self._metrics.count("sightings.reports")
        except LiveDropsError as error:
            log.warning("analytics does not take a report", extra={"error": error.code})
            return False
        return True


def _seen(counts: Counter[_Key], creators: dict[str, str]) -> Iterable[Seen]:
    by_minute: dict[tuple[str, int], dict[str, int]] = {}
    for key, count in counts.items():
        by_minute.setdefault((key.drop_id, key.minute), {})[key.measure] = count
    for (drop_id, minute), measures in by_minute.items():
        yield Seen(drop_id, datetime.fromtimestamp(minute * 60, UTC), Counts(**measures), creators.get(drop_id))
