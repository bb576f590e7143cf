"""The rules of what is told: notices of events, their numbers, for whom a broadcast is, and how two streams become one. Pure."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from services.contracts.events import DropLowStock, DropSoldOut, DropTold, Event, OrderCancelled, OrderConfirmed
from services.contracts.notifications import Broadcast, Notice, NoticeKind, Notification, Place

Lives = Mapping[NoticeKind, timedelta]
# Which stream a notice is numbered in: a person's, or the one of all broadcasts.
BROADCASTS = "broadcasts"


@dataclass(frozen=True)
class Numbered:
    """A notice of a stream, under its number."""

    stream: str
    number: int
    notice: Notice

    def as_broadcast(self) -> Broadcast:
        return Broadcast(self.number, self.notice)


@dataclass(frozen=True)
class Numbering:
    """fresh: what is to be written, in the order of its numbers. repeated: what was written before. taken: new numbers, by stream."""

    fresh: list[Numbered] = field(default_factory=list)
    repeated: list[Numbered] = field(default_factory=list)
    taken: Counter[str] = field(default_factory=Counter)

    def all(self) -> list[Numbered]:
        """What was told again has to be heard again: whoever wrote it may have died before it was heard."""
        return sorted([*self.repeated, *self.fresh], key=lambda one: one.number)


# What is to be told: the stream, and the notice.
Wish = tuple[str, Notice]


def numbered(wishes: Iterable[Wish], known: Mapping[tuple[str, str], int], last: Mapping[str, int]) -> Numbering:
    """Give each notice that is not known the next number of its stream. known: numbers by stream and notice id. last: by stream."""
    result = Numbering()
    given = set[tuple[str, str]]()
    for stream, notice in wishes:
        key = (stream, notice.id)
        if key in given:
            continue
        given.add(key)
        if key in known:
            result.repeated.append(Numbered(stream, known[key], notice))
        else:
            result.taken[stream] += 1
            result.fresh.append(Numbered(stream, last.get(stream, 0) + result.taken[stream], notice))
    return result


def personal(event: Event) -> Wish:
    """What the buyer is told of an order."""
    if event.type == "order.confirmed":
        kind, told, reason = NoticeKind.ORDER_CONFIRMED, msgspec.convert(event.data, OrderConfirmed), None
        order, creator_id = told.order, told.creator_id
    else:
        cancelled = msgspec.convert(event.data, OrderCancelled)
        kind, order, creator_id, reason = NoticeKind.ORDER_CANCELLED, cancelled.order, cancelled.creator_id, cancelled.reason
    notice = Notice(
        id=event.id,
        kind=kind,
        at=_whole_ms(event.occurred_at),
        name=order.name,
        creator_id=creator_id,
        drop_id=order.drop_id,
        order_id=order.id,
        quantity=order.quantity,
        reason=reason,
    )
    return order.user_id, notice


def broadcast(event: Event) -> Notice:
    """What everybody is told of a drop. Raises KeyError for an event of another type."""
    at = _whole_ms(event.occurred_at)
    if event.type == "drop.started":
        drop = msgspec.convert(event.data, DropTold).drop
        return Notice(event.id, NoticeKind.DROP_STARTED, at, drop.name, drop.creator_id, drop.id, total=drop.stock)
    if event.type == "drop.low_stock":
        low = msgspec.convert(event.data, DropLowStock)
        kind = NoticeKind.DROP_LOW_STOCK
        return Notice(event.id, kind, at, low.name, low.creator_id, low.drop_id, available=low.available, total=low.total)
    out = msgspec.convert(event.data, {"drop.sold_out": DropSoldOut}[event.type])
    return Notice(event.id, NoticeKind.DROP_SOLD_OUT, at, out.name, out.creator_id, out.drop_id, available=0, total=out.total)


def _whole_ms(at: datetime) -> datetime:
    """As fine as the store's times are, so that what is told live is what is read later."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def is_over(notice: Notice, lives: Lives, now: datetime) -> bool:
    """Whether its life has passed: it would be forgotten at once, and told again by the next event that repeats it."""
    return notice.at + lives[notice.kind] <= now


@dataclass(frozen=True)
class Interests:
    """Which broadcasts are for a person. followed: creators, and since when. reminded: drops, with creator and since when."""

    followed: Mapping[str, datetime] = field(default_factory=dict)
    reminded: Mapping[str, tuple[str, datetime]] = field(default_factory=dict)

    def without(self, creator_ids: Iterable[str]) -> "Interests":
        """The same without what these creators have to tell."""
        muted = set(creator_ids)
        followed = {creator_id: since for creator_id, since in self.followed.items() if creator_id not in muted}
        return Interests(followed, {drop_id: one for drop_id, one in self.reminded.items() if one[0] not in muted})

    def covers(self, notice: Notice) -> bool:
        """Whether it happened since the person follows its creator, or since they asked to be reminded of its drop."""
        since = [self.followed.get(notice.creator_id or ""), self.reminded.get(notice.drop_id or "", (None, None))[1]]
        return any(begin is not None and begin <= notice.at for begin in since)


def in_order(groups: Iterable[Iterable[Notification]], newest_first: bool) -> Iterator[Notification]:
    """One stream of several that are each in the order of their numbers. What is in two of them comes once."""
    before: int | None = None
    for one in heapq.merge(*groups, key=lambda told: told.number, reverse=newest_first):
        if one.number != before:
            yield one
        before = one.number


def merged(personal: Iterable[Notification], broadcasts: Iterable[Notification], newest_first: bool) -> Iterator[Notification]:
    """Both streams as one by time, while each keeps the order of its numbers.

    What comes next depends on the two heads alone: who goes on from a place gets exactly what would have come there.
    """
    left, right = iter(personal), iter(broadcasts)
    one, other = next(left, None), next(right, None)
    while one is not None and other is not None:
        if (one.notice.at >= other.notice.at) is newest_first:
            yield one
            one = next(left, None)
        else:
            yield other
            other = next(right, None)
    if one is not None:
        yield one
    if other is not None:
        yield other
    yield from left
    yield from right


def behind(place: Place, shown: Sequence[Notification]) -> Place:
    """The place at the last ones shown, or still this one of a stream of which none was."""
    personal_number, broadcast_number = place
    for one in shown:
        if one.personal:
            personal_number = one.number
        else:
            broadcast_number = one.number
    return Place(personal_number, broadcast_number)
