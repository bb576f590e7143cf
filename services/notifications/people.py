"""I/O of people as this context knows them: the last number of their notes, how far they have read, and what they do not want. MongoDB.

A person has a document from the first note, mark or preference on. A deleted one has a tombstone for a while, so that nothing that comes
late begins them anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import Int64
from msgspec import structs
from pymongo import DeleteOne, InsertOne, UpdateOne
from pymongo.client_session import ClientSession

from services.contracts.notifications import Channel, Muted, NoticeKind, Place, Preferences
from services.kernel.mongo import Document, Mongo
from services.notifications.documents import STEP

# Events come again within minutes, dead letters are replayed within days.
TOMBSTONE_LIFE = timedelta(days=30)
Writes = list[InsertOne[Document] | DeleteOne | UpdateOne]

_FRESH: Document = {"last": Int64(0), "read_personal": Int64(0), "read_broadcasts": Int64(0), "muted": [], "muted_creators": []}
_NOTHING_READ, _NO_WISHES = Place(0, 0), Preferences()


@dataclass(frozen=True)
class Person:
    """last: number of the last personal note. read: all up to there is read. gone: deleted, nothing is kept for them any more."""

    last: int = 0
    read: Place = _NOTHING_READ
    preferences: Preferences = _NO_WISHES
    gone: bool = False


class People:
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._people = mongo.collection("people")

    def get(self, user_id: str) -> Person:
        """As far as anything is known of them."""
        with self._mongo.errors():
            found = self._people.find_one({"_id": user_id}, comment="people.get")
        return _person(found) if found else Person()

    def get_many(self, user_ids: Sequence[str]) -> dict[str, Person]:
        """Those of whom something is known."""
        with self._mongo.errors():
            return self.counted(user_ids)

    def last_numbers(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Of the last personal note, of those of whom something is known."""
        with self._mongo.errors():
            found = self._people.find({"_id": {"$in": list(user_ids)}}, {"last": 1}, comment="people.get_many")
            return {one["_id"]: int(one["last"]) for one in found}

    def counted(self, user_ids: Sequence[str], session: ClientSession | None = None) -> dict[str, Person]:
        """The same in a transaction, which has to see the driver's own errors to be repeated."""
        found = self._people.find({"_id": {"$in": list(user_ids)}}, session=session, comment="people.get_many")
        return {one["_id"]: _person(one) for one in found}

    def count(self, taken: Mapping[str, int], session: ClientSession) -> None:
        """In a transaction that has read these people: move their last numbers on. It fails where another one did so meanwhile."""
        steps: Writes = [
            UpdateOne({"_id": user_id}, {"$inc": {"last": Int64(notes)}, "$setOnInsert": _fresh_but("last")}, upsert=True)
            for user_id, notes in sorted(taken.items())
        ]
        if steps:
            self._people.bulk_write(steps, ordered=False, session=session, comment="people.count")

    def read_all(self, user_id: str, end: Place) -> None:
        """All up to this place is read, and never less than it was."""
        ends = {"read_personal": Int64(end.personal), "read_broadcasts": Int64(end.broadcasts)}
        self._update(user_id, {"$max": ends, "$setOnInsert": _fresh_but(*ends)}, "people.read_all")

    def prefer(self, user_id: str, preferences: Preferences) -> None:
        """Keep these preferences instead of those before."""
        muted = [structs.asdict(one) for one in preferences.muted]
        chosen: Document = {"muted": muted, "muted_creators": preferences.muted_creators}
        self._update(user_id, {"$set": chosen, "$setOnInsert": _fresh_but(*chosen)}, "people.prefer")

    def bury(self, user_id: str) -> None:
        """Leave a tombstone. No note for them can be committed from here on."""
        grave: Document = {"gone": True, "muted": [], "muted_creators": [], "expires_at": datetime.now(UTC) + TOMBSTONE_LIFE}
        self._update(user_id, {"$set": grave, "$setOnInsert": _fresh_but(*grave)}, "people.bury")

    def unmute(self, creator_id: str) -> bool:
        """Take a creator out of some people's muted ones. Whether there may be more."""
        with self._mongo.errors():
            muters = [
                found["_id"]
                for found in self._people.find({"muted_creators": creator_id}, {"_id": 1}, comment="people.who_muted").limit(STEP)
            ]
            if muters:
                self._people.update_many({"_id": {"$in": muters}}, {"$pull": {"muted_creators": creator_id}}, comment="people.unmute")
        return len(muters) == STEP

    def _update(self, user_id: str, change: Document, comment: str) -> None:
        with self._mongo.errors():
            self._people.update_one({"_id": user_id}, change, upsert=True, comment=comment)


def _fresh_but(*names: str) -> Document:
    """What a new person has, but what is told of them anyway."""
    return {name: value for name, value in _FRESH.items() if name not in names}


def _person(found: Mapping[str, Any]) -> Person:
    muted = [Muted(NoticeKind(one["kind"]), Channel(one["channel"])) for one in found["muted"]]
    return Person(
        int(found["last"]),
        Place(int(found["read_personal"]), int(found["read_broadcasts"])),
        Preferences(muted, found["muted_creators"]),
        found.get("gone", False),
    )
