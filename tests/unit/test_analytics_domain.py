"""What is added to which sums, and how they are put right, without a server."""

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.analytics import domain
from services.analytics.domain import PLATFORM, Cell, Fact, Sums
from services.contracts.analytics import Grain
from services.contracts.tallies import Counts, Tallies, Tally

HOUR = datetime(2026, 3, 1, 12, tzinfo=UTC)
DROP, OTHER_DROP, CREATOR = (str(uuid.uuid4()) for _ in range(3))
sold = st.builds(Counts, orders=st.integers(0, 5), units=st.integers(0, 9), revenue=st.integers(0, 900), cancelled_orders=st.integers(0, 3))
facts = st.lists(
    st.builds(
        Fact,
        st.sampled_from([DROP, OTHER_DROP]),
        st.integers(0, 3 * 3600 - 1).map(lambda second: HOUR + timedelta(seconds=second)),
        sold,
        st.just((CREATOR, PLATFORM)),
    ),
    max_size=30,
)


def owned(known: list[Fact], subject: str) -> Tallies:
    """What the owner of these facts would count of one subject."""
    by = {grain: dict[datetime, Counter[str]]() for grain in Grain}
    for fact in known:
        if fact.subject == subject:
            for grain in Grain:
                by[grain].setdefault(domain.floor(fact.at, grain), Counter()).update(dict(domain.measures(fact.counts)))
    hours, minutes = ([Tally(at, Counts(**count)) for at, count in by[grain].items()] for grain in (Grain.HOUR, Grain.MINUTE))
    return Tallies(hours, minutes)


@given(facts)
def test_minutes_add_up_to_hours_and_drops_to_their_creator_and_all(known: list[Fact]) -> None:
    sums = domain.sums_of(known)
    for measure in ("orders", "units", "cancelled_orders"):
        for grain in Grain:
            of = {
                subject: sum(count for cell, count in sums.items() if cell[0] == subject and cell[1] is grain and cell[3] == measure)
                for subject in (DROP, OTHER_DROP, CREATOR, PLATFORM)
            }
            assert of[DROP] + of[OTHER_DROP] == of[CREATOR] == of[PLATFORM] == sum(getattr(fact.counts, measure) for fact in known)


@given(facts)
def test_revenue_is_of_drops_only(known: list[Fact]) -> None:
    assert not any(cell.measure == "revenue" and cell.subject in (CREATOR, PLATFORM) for cell in domain.sums_of(known))


@given(facts, facts)
def test_whatever_was_counted_corrections_make_it_what_the_owner_says(counted: list[Fact], true: list[Fact]) -> None:
    # The other drop is right, so what the two have in common is right once the one is.
    true = [fact for fact in true if fact.subject == DROP] + [fact for fact in counted if fact.subject == OTHER_DROP]
    sums = domain.sums_of(counted)
    kept = {cell: count for cell, count in sums.items() if cell.subject == DROP}
    wrong, corrections = domain.corrections(DROP, (CREATOR, PLATFORM), kept, owned(true, DROP))
    sums.update(corrections)
    assert +sums == +domain.sums_of(true)
    assert (wrong == 0) == (not +corrections and not -corrections)


def test_what_was_counted_anew_is_not_counted_again() -> None:
    before, after = Fact(DROP, HOUR - timedelta(seconds=1), Counts(orders=1)), Fact(DROP, HOUR, Counts(orders=1))
    other = Fact(OTHER_DROP, HOUR - timedelta(days=1), Counts(orders=1))
    assert domain.without_rebuilt([before, after, other], {DROP: HOUR}) == [after, other]


def test_points_come_oldest_first_with_all_that_is_counted_then() -> None:
    later = HOUR + timedelta(minutes=1)
    points = domain.points_of([(later, "orders", 2), (HOUR, "views", 1), (later, "units", 3)])
    assert points == [Tally(HOUR, Counts(views=1)), Tally(later, Counts(orders=2, units=3))]
    assert domain.total_of(points) == Counts(views=1, orders=2, units=3)


def test_a_fact_is_in_the_minute_and_the_hour_that_it_fell_in() -> None:
    at = HOUR + timedelta(minutes=59, seconds=59, microseconds=999_999)
    sums = domain.sums_of([Fact(DROP, at, Counts(views=2), ())])
    assert sums == Sums({Cell(DROP, Grain.MINUTE, HOUR + timedelta(minutes=59), "views"): 2, Cell(DROP, Grain.HOUR, HOUR, "views"): 2})
