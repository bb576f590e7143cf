"""I/O of marks: which broadcasts a person has read one by one, beyond the place up to which all is read. MongoDB, on the person's shard.

A mark lives as long as its broadcast, so there are never more than broadcasts.
"""

from collections.abc import Mapping
from datetime import datetime

from bson import Int64
from pymongo import UpdateOne

from services.kernel.mongo import Mongo
from services.notifications.documents import Removal
from services.notifications.people import Writes

# Nobody reads so many one by one; past it the oldest marks are not looked at.
MOST = 10_000


class Marks:
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._marks = mongo.collection("marks")
        self.removal = Removal(mongo, self._marks, "user_id", "marks.of_person", "marks.remove")

    def add(self, user_id: str, broadcasts: Mapping[str, tuple[int, datetime]]) -> None:
        """These are read. broadcasts: number and end of life by notice id."""
        writes: Writes = [
            UpdateOne(
                {"_id": f"{user_id}:{notice_id}", "user_id": user_id},
                {"$setOnInsert": {"number": Int64(number), "expires_at": expires_at}},
                upsert=True,
            )
            for notice_id, (number, expires_at) in broadcasts.items()
        ]
        if writes:
            with self._mongo.errors():
                self._marks.bulk_write(writes, ordered=False, comment="marks.add")

    def above(self, user_id: str, number: int) -> set[int]:
        """The numbers of those marked that are above this one."""
        wanted = {"user_id": user_id, "number": {"$gt": number}}
        with self._mongo.errors():
            found = self._marks.find(wanted, {"_id": 0, "number": 1}, comment="marks.above").sort("number", -1).limit(MOST)
            return {int(one["number"]) for one in found}
