"""The rules of what is told: numbers, notices of events, for whom a broadcast is, and two streams as one."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.events import DropLowStock, DropSoldOut, DropTold, Event, OrderCancelled, OrderConfirmed
from services.contracts.notifications import Notice, NoticeKind, Notification, Place
from services.contracts.orders import Order, OrderStatus
from services.contracts.products import Drop, DropState
from services.contracts.values import Money
from services.notifications import domain
from services.notifications.domain import Interests

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANN, CREATOR, DROP = (str(uuid.UUID(int=number)) for number in range(1, 4))
ORDER = Order("0" * 32 + "-" + "1" * 32, DROP, ANN, 2, OrderStatus.CONFIRMED, Money(1, "EUR"), NOW, "A shirt")


def at(step: int) -> datetime:
    return NOW + timedelta(milliseconds=step)


def notice(number: int, when: int = 0, kind: NoticeKind = NoticeKind.DROP_STARTED) -> Notice:
    return Notice(str(uuid.UUID(int=number)), kind, at(when), "x", CREATOR, DROP)


def told(times: Sequence[int], personal: bool) -> list[Notification]:
    """Notes or broadcasts numbered from 1, each at its time."""
    return [Notification(notice(number, when), personal, number, False) for number, when in enumerate(times, start=1)]


TIMES = st.lists(st.integers(0, 20), max_size=12)
# What is told of: to whom, and which event; some again.
HISTORY = st.lists(st.lists(st.tuples(st.sampled_from(["ann", "bob"]), st.integers(0, 15)), max_size=8), max_size=8)


class TestNumbers:
    @given(HISTORY)
    def test_each_stream_has_all_numbers_from_one_on_whatever_is_told_again(self, batches: list[list[tuple[str, int]]]) -> None:
        kept: dict[tuple[str, str], int] = {}
        last: dict[str, int] = {}
        for batch in batches:
            numbering = domain.numbered([(stream, notice(event)) for stream, event in batch], kept, last)
            assert {(one.stream, one.notice.id) for one in numbering.all()} == {(stream, notice(event).id) for stream, event in batch}
            for one in numbering.fresh:
                assert (one.stream, one.notice.id) not in kept
                kept[one.stream, one.notice.id] = one.number
            for stream, taken in numbering.taken.items():
                last[stream] = last.get(stream, 0) + taken
        for stream in ("ann", "bob"):
            numbers = sorted(number for (of, _), number in kept.items() if of == stream)
            assert numbers == list(range(1, last.get(stream, 0) + 1))

    def test_numbers_rise_in_the_order_told(self) -> None:
        numbering = domain.numbered([("ann", notice(7)), ("bob", notice(7)), ("ann", notice(3))], {}, {"ann": 4})
        assert [(one.stream, one.number) for one in numbering.fresh] == [("ann", 5), ("bob", 1), ("ann", 6)]

    def test_what_is_repeated_keeps_its_number_and_is_heard_again(self) -> None:
        numbering = domain.numbered([("ann", notice(7)), ("ann", notice(8))], {("ann", notice(7).id): 2}, {"ann": 2})
        assert [one.number for one in numbering.all()] == [2, 3]
        assert numbering.taken == {"ann": 1}


class TestMerge:
    @given(TIMES, TIMES)
    def test_each_stream_keeps_its_order_and_nothing_is_lost(self, personal: list[int], broadcasts: list[int]) -> None:
        notes, others = told(personal, True), told(broadcasts, False)
        oldest = list(domain.merged(notes, others, newest_first=False))
        newest = list(domain.merged(notes[::-1], others[::-1], newest_first=True))
        for merged, wanted in ((oldest, (notes, others)), (newest, (notes[::-1], others[::-1]))):
            assert ([one for one in merged if one.personal], [one for one in merged if not one.personal]) == wanted

    @given(TIMES, TIMES)
    def test_where_times_rise_the_merge_is_by_time(self, personal: list[int], broadcasts: list[int]) -> None:
        merged = domain.merged(told(sorted(personal), True), told(sorted(broadcasts), False), newest_first=False)
        assert [one.notice.at for one in merged] == [at(when) for when in sorted(personal + broadcasts)]

    @given(TIMES, TIMES, st.integers(1, 5))
    def test_pages_from_place_to_place_are_the_whole(self, personal: list[int], broadcasts: list[int], size: int) -> None:
        notes, others = told(personal, True), told(broadcasts, False)
        found: list[Notification] = []
        place = Place(0, 0)
        while page := list(islice(domain.merged(notes[place.personal :], others[place.broadcasts :], newest_first=False), size)):
            found += page
            place = domain.behind(place, page)
        assert found == list(domain.merged(notes, others, newest_first=False))
        assert place == Place(len(notes), len(others))

    @given(TIMES, TIMES, st.integers(1, 5), TIMES)
    def test_pages_backwards_are_not_moved_by_what_comes_meanwhile(
        self, personal: list[int], broadcasts: list[int], size: int, later: list[int]
    ) -> None:
        whole = list(domain.merged(told(personal, True)[::-1], told(broadcasts, False)[::-1], newest_first=True))
        notes, others = told(personal, True), told(broadcasts, False)
        found: list[Notification] = []
        place = Place(len(notes) + 1, len(others) + 1)
        notes += told([*personal, *later], True)[len(notes) :]
        while page := list(
            islice(domain.merged(notes[: place.personal - 1][::-1], others[: place.broadcasts - 1][::-1], newest_first=True), size)
        ):
            found += page
            place = domain.behind(place, page)
        assert found == whole

    @given(st.lists(st.lists(st.integers(1, 30), unique=True, max_size=10), max_size=5), st.booleans())
    def test_groups_become_one_stream_in_which_each_comes_once(self, groups: list[list[int]], newest_first: bool) -> None:
        sorted_groups = [
            [Notification(notice(number), False, number, False) for number in sorted(group, reverse=newest_first)] for group in groups
        ]
        numbers = [one.number for one in domain.in_order(sorted_groups, newest_first)]
        assert numbers == sorted({number for group in groups for number in group}, reverse=newest_first)


class TestPlaces:
    def test_a_position_is_read_as_it_was_written(self) -> None:
        assert Place.of("12-0") == Place(12, 0)
        assert Place(12, 0).position() == "12-0"

    def test_nobody_is_further_than_the_end(self) -> None:
        assert Place(9, 1).at_most(Place(3, 5)) == Place(3, 1)


def event(kind: str, payload: msgspec.Struct, when: datetime = NOW) -> Event:
    return Event(str(uuid.UUID(int=9)), kind, when, msgspec.to_builtins(payload))


def drop(**changes: object) -> Drop:
    whole = Drop(DROP, str(uuid.UUID(int=5)), CREATOR, "x", NOW, NOW, 10, None, Money(1, "EUR"), {}, DropState.LIVE, None, 1, NOW, NOW)
    return msgspec.structs.replace(whole, **changes)


class TestNoticesOfEvents:
    def test_a_buyer_is_told_of_an_order(self) -> None:
        user_id, found = domain.personal(event("order.confirmed", OrderConfirmed(ORDER, CREATOR, 3)))
        assert user_id == ANN
        assert (found.kind, found.order_id, found.drop_id, found.quantity, found.creator_id) == (
            NoticeKind.ORDER_CONFIRMED,
            ORDER.id,
            DROP,
            2,
            CREATOR,
        )

    def test_a_buyer_is_told_why_an_order_was_cancelled(self) -> None:
        _, found = domain.personal(event("order.cancelled", OrderCancelled(ORDER, CREATOR, 3, "no paint")))
        assert (found.kind, found.reason) == (NoticeKind.ORDER_CANCELLED, "no paint")

    @pytest.mark.parametrize(
        ("kind", "payload", "wanted"),
        [
            ("drop.started", DropTold(drop()), (NoticeKind.DROP_STARTED, None, 10)),
            ("drop.low_stock", DropLowStock(DROP, CREATOR, "x", 1, 10, 4), (NoticeKind.DROP_LOW_STOCK, 1, 10)),
            ("drop.sold_out", DropSoldOut(DROP, CREATOR, "x", 10, 5), (NoticeKind.DROP_SOLD_OUT, 0, 10)),
        ],
    )
    def test_everybody_is_told_of_a_drop(self, kind: str, payload: msgspec.Struct, wanted: tuple[object, ...]) -> None:
        found = domain.broadcast(event(kind, payload))
        assert (found.kind, found.available, found.total) == wanted
        assert (found.drop_id, found.creator_id, found.id) == (DROP, CREATOR, str(uuid.UUID(int=9)))

    def test_times_are_as_fine_as_the_store_keeps_them(self) -> None:
        found = domain.broadcast(event("drop.started", DropTold(drop()), NOW.replace(microsecond=123_456)))
        assert found.at == NOW.replace(microsecond=123_000)

    def test_what_its_life_is_over_is_not_told(self) -> None:
        lives = {NoticeKind.DROP_STARTED: timedelta(days=1)}
        one = notice(1)
        assert [domain.is_over(one, lives, one.at + timedelta(hours=hours)) for hours in (0, 23, 24, 25)] == [False, False, True, True]


class TestInterests:
    def test_only_what_happened_since_the_follow_is_for_a_follower(self) -> None:
        interests = Interests({CREATOR: at(5)})
        assert [interests.covers(notice(1, when)) for when in (4, 5, 6)] == [False, True, True]

    def test_a_reminder_is_enough(self) -> None:
        interests = Interests({}, {DROP: (CREATOR, at(5))})
        assert [interests.covers(notice(1, when)) for when in (4, 5)] == [False, True]

    def test_a_late_follow_takes_nothing_from_an_earlier_reminder(self) -> None:
        assert Interests({CREATOR: at(9)}, {DROP: (CREATOR, at(5))}).covers(notice(1, 6))

    def test_what_a_muted_creator_does_is_not_told_reminded_or_not(self) -> None:
        assert Interests({CREATOR: at(0)}, {DROP: (CREATOR, at(0))}).without([CREATOR]) == Interests()

    def test_nobody_follows_everybody(self) -> None:
        assert not Interests().covers(notice(1))
