"""I/O of the follows themselves, the truth of the graph: MongoDB, one document a pair, on the shard of who follows.

A follow that ended stays for a while as inactive, so that a later one has a higher version. Following again, or ending again, changes
nothing and is told to nobody. Reads ask the primary, so that a person sees what they just did; while there is none, a secondary answers
what a majority has.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bson import Int64
from pymongo import DeleteOne, InsertOne, ReadPreference, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from services.contracts.users import FollowState
from services.kernel.mongo import Document, Mongo
from services.users.derivation import Pair, edge_id

# An ended follow is forgotten after this; by then its event has been told, and a version from the clock is higher than any before.
ENDED_KEPT_DAYS = 30
WALKED_AT_ONCE = 1_000
# A place in a list: since when, and the other person.
Place = tuple[datetime, str]

_ACTIVE = {"$eq": ["$active", True]}
# Milliseconds, yet always higher than the one before: two changes may come within one.
_NEXT_VERSION = {"$max": [{"$add": [{"$ifNull": ["$version", Int64(0)]}, 1]}, {"$toLong": "$$NOW"}]}
# followed_at is the version's time, so no two follows of one pair have the same.
_FOLLOW: list[Document] = [
    {"$set": {"version": {"$cond": [_ACTIVE, "$version", _NEXT_VERSION]}}},
    {"$set": {"followed_at": {"$cond": [_ACTIVE, "$followed_at", {"$toDate": "$version"}]}, "active": True}},
    {"$unset": "expires_at"},
]
# `ended` is the followed_at that ends here. It differs from what the last end left there, so the change stream tells it with the change.
_EXPIRY = {"$dateAdd": {"startDate": "$$NOW", "unit": "day", "amount": ENDED_KEPT_DAYS}}
_UNFOLLOW: list[Document] = [{"$set": {"active": False, "version": _NEXT_VERSION, "ended": "$followed_at", "expires_at": _EXPIRY}}]


class Follows:
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._follows = mongo.collection("follows")
        self._reads = self._follows.with_options(read_preference=ReadPreference.PRIMARY_PREFERRED)

    def follow(self, user_id: str, creator_id: str) -> FollowState:
        """Follow, from now on or as before. Both must exist."""
        with self._mongo.errors():
            try:
                return self._follow(user_id, creator_id)
            except DuplicateKeyError:
                return self._follow(user_id, creator_id)  # somebody else made the same follow this very moment

    def _follow(self, user_id: str, creator_id: str) -> FollowState:
        change = [{"$set": {"creator_id": creator_id}}, *_FOLLOW]
        found = self._follows.find_one_and_update(
            _key(user_id, creator_id), change, upsert=True, return_document=ReturnDocument.AFTER, comment="follows.follow"
        )
        return _state(user_id, creator_id, found)

    def unfollow(self, user_id: str, creator_id: str) -> FollowState:
        """Follow no more."""
        active = {**_key(user_id, creator_id), "active": True}
        with self._mongo.errors():
            ended = self._follows.find_one_and_update(active, _UNFOLLOW, return_document=ReturnDocument.AFTER, comment="follows.unfollow")
        return _state(user_id, creator_id, ended) if ended else self.state(user_id, creator_id)

    def state(self, user_id: str, creator_id: str) -> FollowState:
        with self._mongo.errors():
            return _state(user_id, creator_id, self._reads.find_one(_key(user_id, creator_id), comment="follows.get"))

    def which(self, user_id: str, creator_ids: Sequence[str]) -> set[str]:
        """Those of them whom this person follows."""
        edges = {"$in": [edge_id(user_id, creator_id) for creator_id in creator_ids]}
        wanted = {"user_id": user_id, "_id": edges, "active": True}
        with self._mongo.errors():
            return {found["creator_id"] for found in self._reads.find(wanted, {"creator_id": 1}, comment="follows.get_of_person")}

    def who_follows(self, user_ids: Sequence[str], creator_id: str) -> set[str]:
        """Those of them who follow this person: one look-up by key for each, on the shards that they lie on."""
        edges = {"$in": [edge_id(user_id, creator_id) for user_id in user_ids]}
        wanted = {"user_id": {"$in": list(user_ids)}, "_id": edges, "active": True}
        with self._mongo.errors():
            return {found["user_id"] for found in self._reads.find(wanted, {"user_id": 1}, comment="follows.back")}

    def page(self, user_id: str, size: int, after: Place | None) -> list[Place]:
        """Whom a person follows, newest first: at most `size` places behind `after`."""
        wanted: Document = {"user_id": user_id, "active": True, "followed_at": {"$lte": after[0] if after else datetime.max}}
        if after:
            wanted["$or"] = behind(after, "creator_id")
        with self._mongo.errors():
            found = self._reads.find(wanted, {"creator_id": 1, "followed_at": 1}, comment="follows.page_on" if after else "follows.page")
            return [(one["followed_at"], one["creator_id"]) for one in found.sort([("followed_at", -1), ("creator_id", -1)]).limit(size)]

    def of_each(self, user_ids: Sequence[str], at_once: int) -> dict[str, list[str]]:
        """Whom each of these people follows, in no order, read so many at once: of one who follows as many or more, only so many."""
        wanted = {"user_id": {"$in": list(user_ids)}, "active": True}
        with self._mongo.errors():
            found = list(self._reads.find(wanted, {"user_id": 1, "creator_id": 1}, comment="follows.of_each").limit(at_once))
        if len(found) == at_once and len(user_ids) > 1:
            # Some may be missing, and whose they are does not show.
            half = len(user_ids) // 2
            return self.of_each(user_ids[:half], at_once) | self.of_each(user_ids[half:], at_once)
        follows: dict[str, list[str]] = {user_id: [] for user_id in user_ids}
        for one in found:
            follows[one["user_id"]].append(one["creator_id"])
        return follows

    def walk(self, user_id: str) -> Iterator[dict[Pair, datetime]]:
        """All that a person follows, some at a time."""
        after: Place | None = None
        while places := self.page(user_id, WALKED_AT_ONCE, after):
            yield {(user_id, creator_id): followed_at for followed_at, creator_id in places}
            after = places[-1]

    def end(self, pairs: Sequence[tuple[str, str]]) -> None:
        """End these follows, as unfollow does."""
        updates = [UpdateOne({**_key(*pair), "active": True}, _UNFOLLOW) for pair in pairs]
        with self._mongo.errors():
            self._follows.bulk_write(list[InsertOne[Document] | DeleteOne | UpdateOne](updates), ordered=False, comment="follows.end")


def behind(place: Place, id_field: str) -> list[Document]:
    """What comes behind a place, among what is not newer than it: an index walks from the place on, and this skips what is level with it."""
    followed_at, other_id = place
    return [{"followed_at": {"$lt": followed_at}}, {id_field: {"$lt": other_id}}]


def _key(user_id: str, creator_id: str) -> Document:
    return {"_id": edge_id(user_id, creator_id), "user_id": user_id}


def _state(user_id: str, creator_id: str, found: Document | None) -> FollowState:
    if found is None:
        return FollowState(user_id, creator_id, False, None, 0)
    return FollowState(user_id, creator_id, found["active"], found["followed_at"] if found["active"] else None, int(found["version"]))
