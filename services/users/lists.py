"""I/O of what is derived from follows: the lists of followers, and everybody's counts. Only the change-stream reader writes here.

Both are written in one transaction, so at any moment a count is the length of its list. Reads are a moment behind the follows anyway:
while there is no primary, a secondary answers. What goes into the cache is asked of the primary: the reader has just dropped what a
secondary may still have.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from bson import Int64
from pymongo import DeleteOne, InsertOne, ReadPreference, UpdateOne
from pymongo.client_session import ClientSession

from services.contracts.tallies import Counts as Counted
from services.contracts.tallies import Tally
from services.kernel.mongo import Document, Mongo
from services.kernel.mongo_pieces import ListPieces
from services.users.derivation import Derivation, Pair, edge_id
from services.users.follows import Place, behind

# Sorts behind every name that begins with the same letters.
_LAST = "\U0010ffff"
# A place in a list by name: the folded name, and the person.
NamePlace = tuple[str, str]
Writes = list[InsertOne[Document] | DeleteOne | UpdateOne]


class Counts(NamedTuple):
    followers: int = 0
    following: int = 0


class Lists:
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._followers = mongo.collection("followers")
        self._counts = mongo.collection("counts")
        self._reads = self._followers.with_options(read_preference=ReadPreference.PRIMARY_PREFERRED)
        self._pieces = ListPieces(mongo, self._reads, "followed_at", "followers")

    def page(self, creator_id: str, size: int, after: Place | None) -> list[Place]:
        """Who follows a creator, newest first: at most `size` places behind `after`. One range of the shard key's index."""
        wanted: Document = {"creator_id": creator_id, "followed_at": {"$lte": after[0] if after else datetime.max}}
        if after:
            wanted["$or"] = behind(after, "user_id")
        with self._mongo.errors():
            found = self._reads.find(wanted, {"user_id": 1, "followed_at": 1}, comment="followers.page_on" if after else "followers.page")
            return [(one["followed_at"], one["user_id"]) for one in found.sort([("followed_at", -1), ("user_id", -1)]).limit(size)]

    def cut(self, creator_id: str, size: int, after: Place) -> tuple[Place, int] | None:
        """Where the piece of at most `size` behind `after` ends, and how many it has; None where nothing is left."""
        return self._pieces.cut({"creator_id": creator_id}, size, after)

    def between(self, creator_id: str, size: int, after: Place, until: Place) -> list[Place]:
        """Who follows a creator, newest first: at most `size` places behind `after`, up to and with `until`."""
        return self._pieces.between({"creator_id": creator_id}, size, after, until)

    def named(self, creator_id: str, prefix: str, size: int, after: NamePlace | None) -> list[tuple[NamePlace, datetime]]:
        """Followers whose folded name begins so, by name: at most `size` behind `after`, each with the time of the follow."""
        wanted: Document = {"creator_id": creator_id, "name": {"$gte": after[0] if after else prefix, "$lt": prefix + _LAST}}
        if after:
            wanted["$or"] = [{"name": {"$gt": after[0]}}, {"user_id": {"$gt": after[1]}}]
        with self._mongo.errors():
            found = self._reads.find(
                wanted, {"user_id": 1, "followed_at": 1, "name": 1}, comment="followers.named_on" if after else "followers.named"
            )
            return [((one["name"], one["user_id"]), one["followed_at"]) for one in found.sort([("name", 1), ("user_id", 1)]).limit(size)]

    def tally(self, creator_id: str, unit: str, since: datetime, until: datetime) -> list[Tally]:
        """Who follows a creator, counted by when they began: by "hour" or "minute"."""
        wanted: Document = {"creator_id": creator_id, "followed_at": {"$gte": since, "$lt": until}}
        group: Document = {"_id": {"$dateTrunc": {"date": "$followed_at", "unit": unit}}, "count": {"$sum": 1}}
        stages: list[Document] = [{"$match": wanted}, {"$group": group}, {"$sort": {"_id": 1}}]
        with self._mongo.errors():
            return [Tally(one["_id"], Counted(follows=one["count"])) for one in self._reads.aggregate(stages, comment="followers.tally")]

    def counts(self, user_ids: Sequence[str]) -> dict[str, Counts]:
        """For each of them; nobody has none."""
        with self._mongo.errors():
            found = {one["_id"]: one for one in self._counts.find({"_id": {"$in": list(user_ids)}}, comment="counts.get_many")}
        return {user_id: _counts(found.get(user_id)) for user_id in user_ids}

    # For the reader, in its transactions.

    def listed(self, pairs: Sequence[Pair], session: ClientSession | None = None) -> dict[Pair, datetime]:
        """What the lists show of these pairs."""
        entries = {"$in": [edge_id(creator_id, user_id) for user_id, creator_id in pairs]}
        creators = {"$in": sorted({creator_id for _, creator_id in pairs})}
        found = self._followers.find({"creator_id": creators, "_id": entries}, session=session, comment="followers.listed")
        return {(one["user_id"], one["creator_id"]): one["followed_at"] for one in found}

    def apply(self, derivation: Derivation, names: Mapping[str, str], session: ClientSession) -> None:
        """Write what was derived. names: the folded name of each person who is put into a list."""
        removals: Writes = [DeleteOne(_entry(pair, followed_at)) for pair, followed_at in derivation.removed.items()]
        puts: Writes = [InsertOne({**_entry(pair, at), "name": names[pair[0]]}) for pair, at in derivation.put.items()]
        steps: Writes = [
            UpdateOne(
                {"_id": user_id},
                {"$inc": {"followers": Int64(derivation.followers[user_id]), "following": Int64(derivation.following[user_id])}},
                upsert=True,
            )
            for user_id in sorted(derivation.people())
        ]
        for collection, writes, comment in (
            (self._followers, removals, "followers.remove"),
            (self._followers, puts, "followers.put"),
            (self._counts, steps, "counts.step"),
        ):
            if writes:
                collection.bulk_write(writes, ordered=False, session=session, comment=comment)

    def rename(self, entries: Mapping[Pair, datetime], name: str) -> None:
        """Show a follower under a new folded name in these entries; those that are not there any more are left out."""
        writes: Writes = [UpdateOne(_entry(pair, followed_at), {"$set": {"name": name}}) for pair, followed_at in entries.items()]
        with self._mongo.errors():
            self._followers.bulk_write(writes, ordered=False, comment="followers.rename")


def _entry(pair: Pair, followed_at: datetime) -> Document:
    """A line of a list: its _id, and its whole shard key."""
    user_id, creator_id = pair
    return {"_id": edge_id(creator_id, user_id), "creator_id": creator_id, "followed_at": followed_at, "user_id": user_id}


def _counts(found: Document | None) -> Counts:
    return Counts(max(0, int(found["followers"])), max(0, int(found["following"]))) if found else Counts()
