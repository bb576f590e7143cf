"""What gateways count of visitors and refusals, and tell, without a server."""

import uuid
from datetime import UTC, datetime

import pytest

from gateway import sightings
from gateway.sightings import Sightings
from services.contracts.analytics import Analytics, Seen
from services.contracts.errors import Unavailable
from services.contracts.tallies import Counts
from services.kernel.metrics import Metrics

DROP, CREATOR = str(uuid.uuid4()), str(uuid.uuid4())
MOST_WAITING = 2
MINUTE = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Desk:
    """Where reports arrive, or not."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, list[Seen]]] = []
        self.tried: list[str] = []
        self.is_away = False

    def report(self, *, report_id: str, seen: list[Seen]) -> None:
        self.tried.append(report_id)
        if self.is_away:
            raise Unavailable()
        self.reports.append((report_id, seen))


class Clock:
    def __init__(self) -> None:
        self.now = MINUTE.timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def seen(desk: Desk, clock: Clock, metrics: Metrics) -> Sightings:
    analytics: Analytics = desk  # type: ignore[assignment]  # the one method that is asked
    return Sightings(analytics, metrics, MOST_WAITING, clock)


def test_a_visitor_counts_once_a_minute(seen: Sightings, desk: Desk, clock: Clock) -> None:
    for who in ("a", "b", "a"):
        seen.viewed(DROP, CREATOR, who)
    clock.now += 60
    seen.viewed(DROP, CREATOR, "a")
    seen.tell()
    told = sorted(desk.reports[0][1], key=lambda one: one.at)
    assert [one.counts for one in told] == [Counts(views=2), Counts(views=1)]
    assert told[0] == Seen(DROP, MINUTE, Counts(views=2), CREATOR)


def test_refusals_are_counted_by_what_they_were_for(seen: Sightings, desk: Desk) -> None:
    for code in ("SOLD_OUT", "SOLD_OUT", "LIMIT_REACHED", "NOT_STARTED", "ENDED", "BUSY", "INSUFFICIENT_STOCK", "NOT_FOUND", "INTERNAL"):
        seen.refused(DROP, code)
    seen.tell()
    expected = Counts(sold_out=2, limit_reached=1, not_open=2, busy=1, insufficient_stock=1)
    assert desk.reports[0][1] == [Seen(DROP, MINUTE, expected)]


def test_what_can_not_be_told_is_told_later_under_the_same_id(seen: Sightings, desk: Desk) -> None:
    desk.is_away = True
    seen.refused(DROP, "SOLD_OUT")
    seen.tell()
    seen.refused(DROP, "SOLD_OUT")
    seen.tell()
    assert not desk.reports
    desk.is_away = False
    seen.tell()
    assert desk.reports[0][0] == desk.tried[0]
    assert sum(one.counts.sold_out for _, told in desk.reports for one in told) == 2


def test_nothing_is_told_where_nothing_was_seen(seen: Sightings, desk: Desk) -> None:
    seen.tell()
    assert not desk.tried


def test_a_report_is_no_larger_than_analytics_takes(seen: Sightings, desk: Desk) -> None:
    for _ in range(sightings.REPORT_SIZE + 1):
        seen.refused(str(uuid.uuid4()), "SOLD_OUT")
    seen.tell()
    assert [len(told) for _, told in desk.reports] == [sightings.REPORT_SIZE, 1]


def test_memory_has_an_end(seen: Sightings, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "MOST_DROPS", 3)
    desk.is_away = True
    for _ in range(5):
        for _ in range(5):
            seen.refused(str(uuid.uuid4()), "SOLD_OUT")
        seen.tell()
    desk.is_away = False
    seen.tell()
    assert [len(told) for _, told in desk.reports] == [3, 3]
