"""What the notifications context can do for those who read, one function a use case."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from msgspec import structs

from services.contracts.errors import Ended
from services.contracts.notifications import (
    BroadcastPage,
    Channel,
    LiveInterests,
    NoticeKind,
    Notification,
    NotificationPage,
    Place,
    Preferences,
    Replay,
)
from services.contracts.products import DropState, Products
from services.contracts.users import Users
from services.kernel.calls import Call
from services.kernel.cursors import Cursors
from services.notifications import domain
from services.notifications.domain import Interests
from services.notifications.following import followed_by, followed_by_each
from services.notifications.live import Live
from services.notifications.people import Person
from services.notifications.store import Store

# More unread ones than this are told as this: nobody counts them.
MOST_UNREAD = 100


class _Position(NamedTuple):
    """A place as it is in a cursor: the numbers of the last ones shown."""

    listing: str
    personal: int
    broadcasts: int


@dataclass(frozen=True)
class Inbox:
    """What the use cases work with."""

    store: Store
    live: Live
    users: Users
    products: Products
    cursors: Cursors

    def end(self, person: Person) -> Place:
        """Where the stream of somebody ends who was read just now."""
        return Place(person.last, self.store.broadcasts.last())

    def interests(self, user_id: str, person: Person) -> Interests:
        """Which broadcasts are for them, without creators whom they muted."""
        everything = Interests(followed_by(self.users, user_id), self.store.reminders.of(user_id))
        return everything.without(person.preferences.muted_creators)


def list_notifications(inbox: Inbox, user_id: str, first: int, after: str | None, unread_only: bool, call: Call) -> NotificationPage:
    call.require_person(user_id)
    listing = f"{'unread' if unread_only else 'all'}:{user_id}"
    position = inbox.cursors.read_of(listing, after, _Position) if after is not None else None
    person = inbox.store.people.get(user_id)
    end = inbox.end(person)
    # A page behind another one ends before the last that was shown there.
    begin = Place(position.personal - 1, position.broadcasts - 1) if position else end
    reader = _Reader(inbox, user_id, person, inbox.interests(user_id, person))
    found = reader.newest(begin, first + 1, unread_only)
    shown = found[:first]
    last = domain.behind(Place(begin.personal + 1, begin.broadcasts + 1), shown)
    next_page = inbox.cursors.write(_Position(listing, *last)) if len(found) > first else None
    return NotificationPage(shown, next_page, reader.count_unread(end))


def count_unread(inbox: Inbox, user_id: str, call: Call) -> int:
    call.require_person(user_id)
    person = inbox.store.people.get(user_id)
    return _Reader(inbox, user_id, person, inbox.interests(user_id, person)).count_unread(inbox.end(person))


def mark_read(inbox: Inbox, user_id: str, notice_ids: Sequence[str], call: Call) -> int:
    call.require_person(user_id)
    inbox.store.notes.read(user_id, notice_ids)
    inbox.store.marks.add(user_id, inbox.store.broadcasts.marks_of(notice_ids))
    return count_unread(inbox, user_id, call)


def mark_all_read(inbox: Inbox, user_id: str, call: Call) -> int:
    call.require_person(user_id)
    inbox.store.people.read_all(user_id, inbox.end(inbox.store.people.get(user_id)))
    return count_unread(inbox, user_id, call)


def get_preferences(inbox: Inbox, user_id: str, call: Call) -> Preferences:
    call.require_person(user_id)
    return inbox.store.people.get(user_id).preferences


def set_preferences(inbox: Inbox, user_id: str, preferences: Preferences, call: Call) -> Preferences:
    call.require_person(user_id)
    # The same twice is the same.
    chosen = Preferences(
        sorted(set(preferences.muted), key=lambda one: (one.kind, one.channel)), list(dict.fromkeys(preferences.muted_creators))
    )
    inbox.store.people.prefer(user_id, chosen)
    inbox.live.tell_interests(user_id)
    return chosen


def remind(inbox: Inbox, user_id: str, drop_id: str, call: Call) -> bool:
    call.require_person(user_id)
    drop = inbox.products.get_drop(drop_id=drop_id)
    if drop.state in (DropState.ENDED, DropState.CANCELLED):
        raise Ended(drop_id=drop_id)
    inbox.store.reminders.add(user_id, drop)
    inbox.live.tell_interests(user_id)
    return True


def forget_reminder(inbox: Inbox, user_id: str, drop_id: str, call: Call) -> bool:
    call.require_person(user_id)
    inbox.store.reminders.forget(user_id, drop_id)
    inbox.live.tell_interests(user_id)
    return False


def are_reminded(inbox: Inbox, user_id: str, drop_ids: Sequence[str], call: Call) -> list[bool]:
    call.require_person(user_id)
    reminded = inbox.store.reminders.which(user_id, drop_ids)
    return [drop_id in reminded for drop_id in drop_ids]


def replay(inbox: Inbox, user_id: str, after: str, first: int, call: Call) -> Replay:
    call.require_person(user_id)
    person = inbox.store.people.get(user_id)
    end = inbox.end(person)  # read before what it bounds: what is written meanwhile comes with the next replay
    begin = Place.of(after).at_most(end)
    reader = _Reader(inbox, user_id, person, inbox.interests(user_id, person))
    found = reader.oldest(begin, end, first + 1, _muted_live(person))
    told, more = found[:first], len(found) > first
    return Replay(told, (domain.behind(begin, told) if more else end).position(), more)


def get_live_interests(inbox: Inbox, user_ids: Sequence[str], call: Call) -> list[LiveInterests]:
    call.require_operator()
    known = inbox.store.people.get_many(user_ids)
    broadcasts = inbox.store.broadcasts.last()  # before the interests: what comes between is told twice rather than never
    reminded = inbox.store.reminders.of_each(user_ids)
    interests = list[LiveInterests]()
    for user_id, creator_ids in zip(user_ids, followed_by_each(inbox.users, user_ids), strict=True):
        person = known.get(user_id, Person())
        muted = set(person.preferences.muted_creators)
        drops = [drop_id for drop_id, creator_id in reminded.get(user_id, ()) if creator_id not in muted]
        creators = [creator_id for creator_id in creator_ids if creator_id not in muted]
        interests.append(LiveInterests(Place(person.last, broadcasts).position(), creators, drops, _muted_live(person)))
    return interests


def list_broadcasts(inbox: Inbox, after: int, first: int, call: Call) -> BroadcastPage:
    call.require_operator()
    last = inbox.store.broadcasts.last()
    return BroadcastPage(inbox.store.broadcasts.after(after, first), last)


def last_numbers(inbox: Inbox, user_ids: Sequence[str], call: Call) -> list[int]:
    call.require_operator()
    known = inbox.store.people.last_numbers(user_ids)
    return [known.get(user_id, 0) for user_id in user_ids]


def _muted_live(person: Person) -> list[NoticeKind]:
    return [muted.kind for muted in person.preferences.muted if muted.channel is Channel.LIVE]


@dataclass
class _Reader:
    """Reads both of a person's streams as one."""

    inbox: Inbox
    user_id: str
    person: Person
    interests: Interests
    _marked: set[int] | None = None

    def newest(self, upto: Place, size: int, unread_only: bool) -> list[Notification]:
        """At most `size` up to this place, newest first."""
        personal = self.inbox.store.notes.newest(self.user_id, upto.personal, self.person.read.personal, size, unread_only)
        after = self.person.read.broadcasts if unread_only else 0
        with closing(self._broadcasts(after, upto.broadcasts, size)) as broadcasts:
            wanted = (one for one in broadcasts if not (unread_only and one.read))
            return list(islice(domain.merged(personal, wanted, newest_first=True), size))

    def oldest(self, after: Place, upto: Place, size: int, without: Sequence[NoticeKind]) -> list[Notification]:
        """At most `size` between these places, oldest first, without these kinds."""
        read = self.person.read.personal
        personal = self.inbox.store.notes.after(self.user_id, after.personal, upto.personal, without, read, size)
        with closing(self._broadcasts(after.broadcasts, upto.broadcasts, size, newest_first=False)) as broadcasts:
            wanted = (one for one in broadcasts if one.notice.kind not in without)
            return list(islice(domain.merged(personal, wanted, newest_first=False), size))

    def count_unread(self, end: Place) -> int:
        """Up to MOST_UNREAD."""
        read = self.person.read
        personal = self.inbox.store.notes.count_unread(self.user_id, read.personal, end.personal, MOST_UNREAD)
        left = MOST_UNREAD - personal
        if left <= 0:
            return MOST_UNREAD
        with closing(self._broadcasts(read.broadcasts, end.broadcasts, left)) as broadcasts:
            return personal + len(list(islice((one for one in broadcasts if not one.read), left)))

    def _broadcasts(self, after: int, upto: int, size: int, newest_first: bool = True) -> Generator[Notification]:
        """With what was read of them."""
        if self._marked is None:
            self._marked = self.inbox.store.marks.above(self.user_id, self.person.read.broadcasts)
        with closing(self.inbox.store.broadcasts.of(self.interests, after, upto, newest_first, size)) as found:
            for one in found:
                is_read = one.number <= self.person.read.broadcasts or one.number in self._marked
                yield structs.replace(one, read=is_read)
