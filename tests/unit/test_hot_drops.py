"""Which drops have metrics of their own: few at any time, whatever comes."""

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from services.kernel.metrics import Metrics
from services.orders.hot_drops import MINUTE_S, OTHERS, PLACES, TRANSACTIONS, HotDrops
from services.users.list_sizes import size_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Silent:
    """For what counts nothing here."""


def hot_drops(clock: Clock) -> HotDrops:
    return HotDrops(cast(Metrics, Silent()), clock)


def names(drops: HotDrops, drop_id: str, times: int) -> list[str]:
    return [drops.name_of(drop_id) for _ in range(times)]


def test_a_drop_is_told_by_name_once_it_is_hot() -> None:
    assert names(hot_drops(Clock()), "a", TRANSACTIONS + 1) == [OTHERS] * (TRANSACTIONS - 1) + ["a", "a"]


def test_one_that_stays_hot_keeps_its_name_and_one_that_cools_down_loses_it() -> None:
    clock = Clock()
    drops = hot_drops(clock)
    names(drops, "a", TRANSACTIONS)
    clock.now += MINUTE_S
    assert drops.name_of("a") == "a"
    clock.now += MINUTE_S

    assert drops.name_of("a") == OTHERS


def test_no_more_than_a_few_are_hot_at_a_time() -> None:
    drops = hot_drops(Clock())
    for number in range(PLACES + 3):
        names(drops, str(number), TRANSACTIONS)

    assert [drops.name_of(str(number)) for number in range(PLACES + 3)] == [*map(str, range(PLACES)), *[OTHERS] * 3]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 60), st.floats(0, 90)), max_size=60))
def test_whatever_comes_few_have_names_between_two_minutes(story: list[tuple[int, int, float]]) -> None:
    clock = Clock()
    drops = hot_drops(clock)
    named: set[str] = set()
    minute_ends = MINUTE_S
    for drop, transactions, pause_s in story:
        clock.now += pause_s
        if clock.now >= minute_ends:
            named, minute_ends = set(), clock.now + MINUTE_S
        named |= set(names(drops, f"drop-{drop}", transactions)) - {OTHERS}
        assert len(named) <= PLACES


def test_a_list_belongs_to_the_first_class_that_it_is_below() -> None:
    assert [size_of(count) for count in (0, 999, 1_000, 99_999, 100_000, 10**7)] == [
        *("under_1k", "under_1k", "under_100k", "under_100k", "over_100k", "over_100k")
    ]
