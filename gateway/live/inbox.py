"""The streams of people: each hears what is theirs, once and in order, whatever Redis brings twice, late or not at all.

What Redis brings is a hint. A gap in the numbers, a lost line and a look every now and then make the service be asked; what a client has had is
known by two numbers (progress.py), so asking too often is no harm.
"""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Iterable

import msgspec

from gateway.live import news
from gateway.live.chores import Chores
from gateway.live.connection import Connection, Ending
from gateway.live.listening import Listener
from gateway.live.mesh import BROADCASTS_AT_ONCE, REPLAYED_AT_ONCE, Mesh
from gateway.live.news import News
from gateway.live.progress import Numbers, Progress, Verdict
from gateway.live.together import Together
from services.contracts import live
from services.contracts.errors import LiveDropsError
from services.contracts.live import PersonMessage
from services.contracts.notifications import Broadcast, LiveInterests, NoticeKind, Notification, Place
from services.kernel.metrics import Metrics

log = logging.getLogger("livedrops.live")
# As many as an RPC takes.
PEOPLE_A_LOOK = 1_000
# People whose interests are asked for at once, and how many such questions are under way.
INTERESTS_AT_ONCE, INTERESTS_UNDER_WAY = 50, 4
# Interests are asked for anew so often, should a hint have been lost on a line that stood.
INTERESTS_EVERY_S = 900.0
# A client whose stream can't be had is closed after so many tries, some seconds: it comes back by itself, here or elsewhere.
TRIES, FIRST_PAUSE_S, LONGEST_PAUSE_S = 6, 0.1, 2.0


class Reader:
    """One client in the stream of its person."""

    def __init__(self, person: "Person", connection: Connection, place: Place) -> None:
        self.person = person
        self.progress = Progress(place)
        self._connection = connection

    def tell(self, told: News) -> None:
        """What is next for it."""
        self._connection.tell(told, self.progress.place.position())

    def has_ended(self) -> bool:
        return self._connection.ending is not None

    def fail(self) -> None:
        self._connection.finish(Ending.LOST)

    async def room(self) -> None:
        await self._connection.room(REPLAYED_AT_ONCE)


class Person:
    """What one person wants to be told, and the clients that they have here."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.readers: set[Reader] = set()
        self.joining = 0
        # Their interests were asked for so often, and of the answers this one counts.
        self._asked = self._answered = 0
        self.creators: frozenset[str] = frozenset()
        self.drops: frozenset[str] = frozenset()
        self.muted: frozenset[NoticeKind] = frozenset()

    def ask(self) -> int:
        """To be called before their interests are asked for: answers may overtake each other."""
        self._asked += 1
        return self._asked

    def is_news(self, asked: int) -> bool:
        """Whether the answer to this is newer than what is known."""
        is_newer = asked > self._answered
        self._answered = max(self._answered, asked)
        return is_newer

    def is_idle(self) -> bool:
        return not self.readers and not self.joining


class Inbox:
    def __init__(self, mesh: Mesh, listener: Listener, metrics: Metrics) -> None:
        self._mesh = mesh
        self._listener = listener
        self._metrics = metrics
        self._people: dict[str, Person] = {}
        self._by_creator: defaultdict[str, set[Person]] = defaultdict(set)
        self._by_drop: defaultdict[str, set[Person]] = defaultdict(set)
        self._numbers = Numbers()
        self._looks = Chores("inbox", self._look, PEOPLE_A_LOOK, workers=2)
        self._interests = Together(mesh.interests, INTERESTS_AT_ONCE, INTERESTS_UNDER_WAY)
        self._refreshes = Chores("interests", self._refresh, INTERESTS_AT_ONCE, INTERESTS_UNDER_WAY)
        self._catching_up = Chores("broadcasts", self._catch_up, 1, workers=1)
        self._asking: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(self._looks.run(), self._interests.run(), self._refreshes.run(), self._catching_up.run())

    # Who is here.

    async def join(self, user_id: str, after: Place | None, connection: Connection) -> Reader | None:
        """A client of this person, from the place on, or from now; it is greeted with where it begins, or closed where that can't be had."""
        person = self._people.get(user_id)
        if person is None:
            person = self._people[user_id] = Person(user_id)
            self._listener.want(live.person(user_id))
        person.joining += 1  # so that nobody forgets them meanwhile
        try:
            now = await self._end_of(person)
            if now is None:
                connection.finish(Ending.LOST)
                return None
            # Whoever has seen more than there is was told by another system.
            begin = after.at_most(now) if after else now
            reader = Reader(person, connection, begin)
            person.readers.add(reader)
        finally:
            person.joining -= 1
            self._forget_if_idle(person)
        connection.greet(begin.position())
        reader.progress.hear_of(Place(now.personal, max(now.broadcasts, self._numbers.last or 0)))
        self._ask_if_behind(reader)
        return reader

    async def leave(self, joining: "asyncio.Task[Reader | None]") -> None:
        """It is over, joined or not."""
        joining.cancel()
        (joined,) = await asyncio.gather(joining, return_exceptions=True)
        if isinstance(joined, Reader):
            joined.person.readers.discard(joined)
            self._forget_if_idle(joined.person)

    async def _end_of(self, person: Person) -> Place | None:
        """Where their stream is now; None where it can't be had."""
        for number in range(TRIES):
            try:
                interests = await self._learn(person)
                if self._numbers.last is not None:
                    return Place.of(interests.position)
            except LiveDropsError as error:
                log.warning("a person's wishes can't be had now", extra={"error": error.code})
            await asyncio.sleep(pause_s(number))
        return None

    def __len__(self) -> int:
        return len(self._people)

    def _forget_if_idle(self, person: Person) -> None:
        if person.is_idle() and self._people.get(person.user_id) is person:
            del self._people[person.user_id]
            self._listener.leave(live.person(person.user_id))
            _move(self._by_creator, person, person.creators, frozenset())
            _move(self._by_drop, person, person.drops, frozenset())

    async def _learn(self, person: Person) -> LiveInterests:
        """What they want, and index it."""
        asked = person.ask()
        interests = await self._interests.ask(person.user_id)
        if person.is_news(asked) and self._people.get(person.user_id) is person:
            self._apply(person, interests)
        return interests

    def _apply(self, person: Person, interests: LiveInterests) -> None:
        creators, drops = frozenset(interests.creator_ids), frozenset(interests.drop_ids)
        _move(self._by_creator, person, person.creators, creators)
        _move(self._by_drop, person, person.drops, drops)
        person.creators, person.drops, person.muted = creators, drops, frozenset(interests.muted)

    # What is heard.

    def heard_of_person(self, user_id: str, message: bytes) -> None:
        person = self._people.get(user_id)
        if person is None:
            return
        told = _decode_person(message)
        if told.interests:
            self._refreshes.add([user_id])
        if told.notice is not None:
            is_muted = told.notice.kind in person.muted
            self._tell(person.readers, news.of_notice(told.notice, True), lambda reader: reader.progress.note(told.number), is_muted)

    def heard_broadcast(self, message: bytes) -> None:
        told = _decode_broadcast(message)
        verdict = self._numbers.heard(told.number)
        if verdict is Verdict.NEXT:
            self._broadcast(told)
        elif verdict is Verdict.MISSING:
            self._metrics.count("live.gaps")
            self._catching_up.add(["broadcasts"])

    def opened(self, channel: str) -> None:
        """What came on it before was not heard."""
        user_id = channel.removeprefix(live.person(""))
        if channel == live.BROADCASTS:
            # A new line to Redis: hints of what people want may have been lost, too.
            self._catching_up.add(["broadcasts"])
            self._refreshes.add(self._people)
        elif user_id in self._people:
            self._looks.add([user_id])

    def look_at_part(self, part: int, parts: int, look_every_s: float) -> None:
        """At one of so many parts of the people, which all come round in look_every_s; and at some of their interests.

        Looked at all at once, 5,000 people took a quarter of a second of two cores from whatever was told in that moment.
        """
        here = [user_id for user_id in self._people if hash(user_id) % parts == part]
        self._looks.add(here)
        some = int(len(here) * look_every_s / INTERESTS_EVERY_S + random.random())
        self._refreshes.add(random.sample(here, min(some, len(here))))

    def look_at_broadcasts(self) -> None:
        """At those that were not heard."""
        self._catching_up.add(["broadcasts"])

    def _broadcast(self, told: Broadcast) -> None:
        """The cost grows with those who want it and are here, not with all who follow."""
        notice = told.notice
        people = self._by_creator.get(notice.creator_id or "", set()) | self._by_drop.get(notice.drop_id or "", set())
        if not people:
            return
        shown = news.of_notice(notice, False)
        for person in people:
            self._tell(person.readers, shown, lambda reader: reader.progress.broadcast(told.number), notice.kind in person.muted)

    def _tell(self, readers: Iterable[Reader], told: News, judge: Callable[[Reader], Verdict], is_muted: bool) -> None:
        for reader in readers:
            verdict = judge(reader)
            if verdict is Verdict.NEXT and not is_muted:
                reader.tell(told)
            elif verdict is Verdict.MISSING:
                self._ask_if_behind(reader)

    # What is asked for.

    async def _catch_up(self, _keys: list[str]) -> None:
        """Hand on, in their order, all broadcasts that were not heard."""
        if self._numbers.last is None:
            self._numbers.passed((await self._mesh.broadcasts(after=2**53 - 1)).last)
            return
        while True:
            page = await self._mesh.broadcasts(after=self._numbers.last)
            for told in page.broadcasts:
                if self._numbers.passed(told.number):
                    self._broadcast(told)
            if len(page.broadcasts) < BROADCASTS_AT_ONCE:
                self._numbers.passed(page.last)
                return

    async def _look(self, user_ids: list[str]) -> None:
        here = [user_id for user_id in user_ids if user_id in self._people]
        if not here:
            return
        for user_id, last in zip(here, await self._mesh.last_numbers(here), strict=True):
            for reader in self._people[user_id].readers if user_id in self._people else ():
                # Nearly all of thousands, every two seconds.
                if not reader.progress.has_all(last):
                    reader.progress.hear_of(Place(last, 0))
                    self._ask_if_behind(reader)

    async def _refresh(self, user_ids: list[str]) -> None:
        here = [self._people[user_id] for user_id in user_ids if user_id in self._people]
        results = await asyncio.gather(*map(self._refresh_one, here), return_exceptions=True)
        for error in filter(None, results):
            raise error

    async def _refresh_one(self, person: Person) -> None:
        before = person.creators | person.drops
        interests = await self._learn(person)
        if (person.creators | person.drops) - before:
            # What was broadcast between the wish and now.
            for reader in person.readers:
                reader.progress.hear_of(Place.of(interests.position))
                self._ask_if_behind(reader)

    def _ask_if_behind(self, reader: Reader) -> None:
        if reader.progress.is_behind() and not reader.progress.is_asking:
            reader.progress.is_asking = True
            task = asyncio.create_task(self._ask(reader))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _ask(self, reader: Reader) -> None:
        """Bring a client up to all that was heard of."""
        try:
            tries = 0
            while reader.progress.is_behind() and not reader.has_ended():
                await reader.room()
                if await self._ask_once(reader):
                    tries = 0
                    continue
                tries += 1
                if tries == TRIES:
                    reader.fail()
                    return
                await asyncio.sleep(pause_s(tries))
        finally:
            reader.progress.is_asking = False

    async def _ask_once(self, reader: Reader) -> bool:
        """Whether it brought the client on."""
        progress = reader.progress
        before = progress.place
        try:
            replay = await self._mesh.replay(reader.person.user_id, before.position())
        except LiveDropsError as error:
            log.warning("what a client missed can't be had now", extra={"error": error.code})
            return False
        for told in replay.notifications:
            progress.answered(_place_of(told))
            reader.tell(news.of_notice(told.notice, told.personal))
        progress.answered(Place.of(replay.position))
        return progress.place != before


def pause_s(tries: int) -> float:
    """Before the next try."""
    return min(FIRST_PAUSE_S * 2.0**tries, LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)


def _place_of(told: Notification) -> Place:
    return Place(told.number, 0) if told.personal else Place(0, told.number)


def _move(index: defaultdict[str, set[Person]], person: Person, old: frozenset[str], new: frozenset[str]) -> None:
    for key in old - new:
        index[key].discard(person)
        if not index[key]:
            del index[key]
    for key in new - old:
        index[key].add(person)


_decode_person = msgspec.json.Decoder(PersonMessage).decode
_decode_broadcast = msgspec.json.Decoder(Broadcast).decode
