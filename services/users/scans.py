"""I/O of the reader's long work: walks through whole collections in steps, in the order of _id."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import Int64
from pymongo import DeleteOne, InsertOne, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from services.kernel.mongo import Document, Mongo
from services.users.derivation import Change, Pair, edge_id, pair_of
from services.users.lists import Counts


class Scans:
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._users = mongo.collection("users")
        self._follows = mongo.collection("follows")
        self._followers = mongo.collection("followers")
        self._counts = mongo.collection("counts")

    def follows(self, after: str | None, size: int) -> dict[str, Change]:
        """The follows behind `after`, active or ended, by their _id."""
        return {one["_id"]: _change(one) for one in self._walk(self._follows, after, size)}

    def entries(self, after: str | None, size: int) -> dict[str, tuple[Pair, datetime]]:
        """Lines of lists behind `after`, by their _id."""
        found = self._walk(self._followers, after, size)
        return {one["_id"]: ((one["user_id"], one["creator_id"]), one["followed_at"]) for one in found}

    def user_ids(self, after: str | None, size: int) -> list[str]:
        return [one["_id"] for one in self._walk(self._users, after, size, {"_id": 1})]

    def counted_ids(self, after: str | None, size: int) -> list[str]:
        """Of people who have counts, whether they still are there or not."""
        return [one["_id"] for one in self._walk(self._counts, after, size, {"_id": 1})]

    def size_of(self, collection: str) -> int:
        """About."""
        with self._mongo.errors():
            return self._mongo.collection(collection).estimated_document_count()

    def states(self, pairs: Sequence[Pair]) -> dict[Pair, Change]:
        """The follows of these pairs, where there is any."""
        edges = {"$in": [edge_id(*pair) for pair in pairs]}
        wanted = {"user_id": {"$in": sorted({user_id for user_id, _ in pairs})}, "_id": edges}
        with self._mongo.errors():
            return {pair_of(one["_id"]): _change(one) for one in self._follows.find(wanted, comment="follows.states")}

    def follows_of(self, user_id: str, size: int) -> list[Pair]:
        """Some that a person follows."""
        with self._mongo.errors():
            found = self._follows.find({"user_id": user_id, "active": True}, {"creator_id": 1}, comment="follows.of_person").limit(size)
            return [(user_id, one["creator_id"]) for one in found]

    def exact_counts(self, user_ids: Sequence[str], session: ClientSession) -> dict[str, Counts]:
        """The lengths of these people's lists: of followers, and of those lists that they stand in."""
        sizes = self._followers.aggregate(
            [{"$match": {"creator_id": {"$in": list(user_ids)}}}, {"$group": {"_id": "$creator_id", "size": {"$sum": 1}}}],
            session=session,
            comment="followers.sizes",
        )
        followers = {one["_id"]: one["size"] for one in sizes}
        following = self._listings(user_ids, session)
        return {user_id: Counts(followers.get(user_id, 0), following.get(user_id, 0)) for user_id in user_ids}

    def _listings(self, user_ids: Sequence[str], session: ClientSession) -> dict[str, int]:
        """How many lists show each of them. A list may still show a follow that has just ended, or not yet one that has just begun."""
        found = self._follows.find({"user_id": {"$in": list(user_ids)}}, {"_id": 1}, session=session, comment="follows.of_people")
        pairs = [pair_of(one["_id"]) for one in found]
        wanted = {
            "creator_id": {"$in": sorted({creator_id for _, creator_id in pairs})},
            "_id": {"$in": [edge_id(creator_id, user_id) for user_id, creator_id in pairs]},
        }
        counted: dict[str, int] = {}
        for entry in self._followers.find(wanted, {"user_id": 1}, session=session, comment="followers.listed") if pairs else ():
            counted[entry["user_id"]] = counted.get(entry["user_id"], 0) + 1
        return counted

    def stored_counts(self, user_ids: Sequence[str], session: ClientSession) -> dict[str, Counts]:
        """As they are, right or wrong."""
        found = self._counts.find({"_id": {"$in": list(user_ids)}}, session=session, comment="counts.get_many")
        return {one["_id"]: Counts(int(one["followers"]), int(one["following"])) for one in found}

    def set_counts(self, counts: Mapping[str, Counts], session: ClientSession) -> None:
        writes: list[InsertOne[Document] | DeleteOne | UpdateOne] = [
            UpdateOne({"_id": user_id}, {"$set": {"followers": Int64(followers), "following": Int64(following)}}, upsert=True)
            for user_id, (followers, following) in counts.items()
        ]
        if writes:
            self._counts.bulk_write(writes, ordered=False, session=session, comment="counts.set")

    def drop_counts(self, user_ids: Sequence[str], session: ClientSession) -> None:
        self._counts.delete_many({"_id": {"$in": list(user_ids)}}, session=session, comment="counts.drop")

    def _walk(self, collection: Collection[Document], after: str | None, size: int, fields: Any = None) -> list[Document]:
        wanted = {"_id": {"$gt": after}} if after is not None else {}
        comment = f"{collection.name}.{'scan' if after is not None else 'scan_from'}"
        with self._mongo.errors():
            return list(collection.find(wanted, fields, comment=comment).sort("_id", 1).limit(size))


def _change(found: Document) -> Change:
    return Change(found["user_id"], found["creator_id"], found["active"], found["followed_at"], int(found["version"]))
