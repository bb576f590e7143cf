"""What is added to which sums. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec

from services.contracts.analytics import Grain, Seen, SubjectKind
from services.contracts.events import Event, FollowCreated, FollowRemoved, OrderCancelled, OrderConfirmed
from services.contracts.tallies import Counts, Tallies, Tally

# The subject of what is counted of all together.
PLATFORM = "00000000-0000-0000-0000-000000000000"
# What is counted from events and can be counted anew, of each kind of subject.
COUNTED: dict[SubjectKind, tuple[str, ...]] = {
    SubjectKind.DROP: ("orders", "units", "revenue", "cancelled_orders", "cancelled_units"),
    SubjectKind.CREATOR: ("follows", "unfollows"),
}
# Drops of one creator may have different currencies.
_OF_DROPS_ONLY = ("revenue",)


class Cell(NamedTuple):
    """One sum."""

    subject: str
    grain: Grain
    at: datetime
    measure: str


Sums = Counter[Cell]


@dataclass(frozen=True)
class Fact:
    """What happened to a subject. parents: whose sums it is part of. version: of the drop's stock, which nothing else made."""

    subject: str
    at: datetime
    counts: Counts
    parents: tuple[str, ...] = (PLATFORM,)
    version: int = 0


def order_fact(event: Event) -> Fact:
    """What an order, or its end, adds."""
    if event.type == "order.confirmed":
        sold = msgspec.convert(event.data, OrderConfirmed)
        order = sold.order
        counts = Counts(orders=1, units=order.quantity, revenue=order.quantity * order.unit_price.amount)
        return Fact(order.drop_id, order.placed_at, counts, (sold.creator_id, PLATFORM), sold.stock_version)
    cancelled = msgspec.convert(event.data, OrderCancelled)
    counts = Counts(cancelled_orders=1, cancelled_units=cancelled.order.quantity)
    return Fact(cancelled.order.drop_id, event.occurred_at, counts, (cancelled.creator_id, PLATFORM), cancelled.stock_version)


def follow_fact(event: Event) -> Fact:
    """What a follow, or its end, adds."""
    if event.type == "follow.created":
        follow = msgspec.convert(event.data, FollowCreated)
        return Fact(follow.creator_id, follow.followed_at, Counts(follows=1))
    return Fact(msgspec.convert(event.data, FollowRemoved).creator_id, event.occurred_at, Counts(unfollows=1))


def fact_seen(seen: Seen) -> Fact:
    """What a gateway saw."""
    parents = (seen.creator_id, PLATFORM) if seen.creator_id else (PLATFORM,)
    return Fact(seen.drop_id, seen.at, seen.counts, parents)


def without_rebuilt(facts: Iterable[Fact], rebuilt: Mapping[str, datetime]) -> list[Fact]:
    """Those that were not counted anew already. rebuilt: up to when, by subject."""
    return [fact for fact in facts if fact.subject not in rebuilt or fact.at >= rebuilt[fact.subject]]


def sums_of(facts: Iterable[Fact]) -> Sums:
    """What all of these add, to their subjects and the parents of these."""
    sums = Sums()
    for fact in facts:
        for measure, count in measures(fact.counts):
            for grain in Grain:
                for subject in sharers(fact.subject, fact.parents, measure):
                    sums[Cell(subject, grain, floor(fact.at, grain), measure)] += count
    return sums


def corrections(subject: str, parents: Sequence[str], kept: Mapping[Cell, int], owned: Tallies) -> tuple[int, Sums]:
    """How many of a subject's sums are not as their owner says, and what makes them so, with the subject's part in those of its parents.

    kept: all of its sums in question, as they are.
    """
    right = Sums()
    for grain, tallies in ((Grain.HOUR, owned.hours), (Grain.MINUTE, owned.minutes)):
        for tally in tallies:
            for measure, count in measures(tally.counts):
                right[Cell(subject, grain, tally.at, measure)] += count
    missing = {cell: right[cell] - kept.get(cell, 0) for cell in {*right, *kept}}
    wrong = {cell: count for cell, count in missing.items() if count}
    sums = Sums()
    for cell, count in wrong.items():
        for sharer in sharers(subject, parents, cell.measure):
            sums[cell._replace(subject=sharer)] += count
    return len(wrong), sums


def sharers(subject: str, parents: Sequence[str], measure: str) -> Iterator[str]:
    """Whose sums of this measure a subject is part of, itself included."""
    yield subject
    if measure not in _OF_DROPS_ONLY:
        yield from parents


def measures(counts: Counts) -> Iterator[tuple[str, int]]:
    """Those that are not 0."""
    for measure in Counts.__struct_fields__:
        if count := getattr(counts, measure):
            yield measure, count


def floor(at: datetime, grain: Grain) -> datetime:
    """When the stretch of time began that this moment is in."""
    whole = at.replace(second=0, microsecond=0)
    return whole if grain is Grain.MINUTE else whole.replace(minute=0)


def points_of(rows: Iterable[tuple[datetime, str, int]]) -> list[Tally]:
    """Sums (when, measure, count) as points, oldest first."""
    by_time: dict[datetime, dict[str, int]] = {}
    for at, measure, count in rows:
        by_time.setdefault(at, {})[measure] = count
    return [Tally(at, Counts(**by_time[at])) for at in sorted(by_time)]


def total_of(points: Iterable[Tally]) -> Counts:
    total = Counter[str]()
    for point in points:
        total.update(dict(measures(point.counts)))
    return Counts(**total)
