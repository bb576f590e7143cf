"""A load never gets further ahead of the change-stream reader than it may."""

import math
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from cli import loading
from cli.loading import MOST_UNREAD, Pace
from services.contracts.errors import Unavailable
from services.users.loading import Checkpoint, Edge, GraphStore, Tally

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clocks:
    """The store's clock, and the reader's place: each look is a second later, and brings the reader further by `step_s`."""

    def __init__(self, step_s: float = 0.0, behind_s: float = 0.0) -> None:
        self.time = START
        self.place: datetime | None = START - timedelta(seconds=behind_s)
        self.step = timedelta(seconds=step_s)

    def now(self) -> datetime:
        return self.time

    def reader_at(self) -> datetime | None:
        self.time += timedelta(seconds=1)
        self.place = self.place and self.place + self.step
        return self.place


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "ASK_EVERY_S", 0.0)
    monkeypatch.setattr(loading, "STALLED_S", 0.05)


def pace_of(clocks: Clocks, most_lag_s: float = 5.0) -> Pace:
    return Pace(cast(GraphStore, clocks), most_lag_s, lambda: None)


def test_a_load_goes_on_beside_a_reader_that_is_near() -> None:
    pace = pace_of(Clocks(behind_s=1))
    pace.wait_for_turn()
    assert pace.lag_s == 1


def test_a_load_waits_until_the_lag_is_small_enough() -> None:
    pace = pace_of(Clocks(step_s=3, behind_s=20))
    pace.wait_for_turn()
    assert pace.lag_s <= 5


def test_a_load_waits_while_too_much_is_unread_however_short_the_lag() -> None:
    clocks = Clocks(step_s=1.5)
    pace = pace_of(clocks, most_lag_s=1000)
    for _ in range(3):
        pace.wrote(MOST_UNREAD // 2)
        clocks.time += timedelta(seconds=10)
    pace.wait_for_turn()
    assert 0 < pace.unread <= MOST_UNREAD


def test_a_reader_that_stands_still_ends_the_wait() -> None:
    with pytest.raises(Unavailable, match="users-capture"):
        pace_of(Clocks(behind_s=20)).wait_for_turn()


def test_without_a_reader_only_an_unbounded_load_goes_on() -> None:
    clocks = Clocks()
    clocks.place = None
    pace_of(clocks, most_lag_s=math.inf).wait_for_turn()
    with pytest.raises(Unavailable):
        pace_of(clocks).wait_for_turn()


def test_caught_up_is_when_the_reader_is_past_the_last_write() -> None:
    pace = pace_of(Clocks(step_s=2, behind_s=10))
    pace.wrote(7)
    pace.wait_caught_up()
    assert pace.unread == 0


def test_times_of_a_load_are_past_and_distinct_and_outlive_the_store() -> None:
    checkpoint = Checkpoint.begin("key", "edges.txt")
    times = [checkpoint.followed_at(Edge(line, "a", "b", "")) for line in range(1, 100)]
    assert len(set(times)) == 99
    assert max(times) < datetime.now(UTC)
    assert all(time.microsecond % 1000 == 0 for time in times)


def test_tallies_add_up() -> None:
    assert Tally(1, 2, 3, 4, 5) + Tally(10, 20, 30, 40, 50) == Tally(11, 22, 33, 44, 55)
    assert Tally(1, 2, 3, 4, 5).edges == 6
