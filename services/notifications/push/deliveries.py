"""I/O of deliveries: one document for each notice that goes to an endpoint, on the person's shard. Claimed before it is sent, marked after.

A claim runs out by the store's clock, so whoever died with it holds up nothing for long; what he had sent and not marked is sent again,
under the same id.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from pymongo import DeleteOne, InsertOne, UpdateOne
from pymongo.errors import BulkWriteError

from services.kernel.mongo import Document, Mongo
from services.notifications.documents import Removal
from services.notifications.push.rules import DELIVERED_KEPT, Task

Writes = list[InsertOne[Document] | DeleteOne | UpdateOne]
# Longer than a batch of deliveries takes, each at its deadline (see delivering.LONGEST_S).
CLAIM_S = 25.0
_DUPLICATE_KEY = 11000
_NEVER = datetime.fromtimestamp(0, UTC)


class State(StrEnum):
    """OPEN: to be sent, or being sent. The others are for good."""

    OPEN = "OPEN"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Claim:
    """mine: nobody else sends these now. busy: somebody does, or died doing so. All others are over."""

    token: str
    mine: list[Task]
    busy: list[Task]


class Deliveries:
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._deliveries = mongo.collection("deliveries")
        self.removal = Removal(mongo, self._deliveries, "user_id", "deliveries.of_person", "deliveries.remove")

    def claim(self, tasks: Sequence[Task]) -> Claim:
        token = uuid.uuid4().hex
        writes: Writes = [UpdateOne(_key(task), _taking(token, task.notice.at + DELIVERED_KEPT), upsert=True) for task in tasks]
        with self._mongo.errors():
            self._take(writes)
            states = {one["_id"]: one for one in self._deliveries.find(_these(tasks), comment="deliveries.claimed")}
        open_ones = [task for task in tasks if states[task.id]["state"] == State.OPEN]
        mine = [task for task in open_ones if states[task.id]["claim"] == token]
        return Claim(token, mine, [task for task in open_ones if states[task.id]["claim"] != token])

    def _take(self, writes: Writes) -> None:
        """Where another worker makes the same document at the same moment, one of both is refused: it finds that document the next time."""
        try:
            self._deliveries.bulk_write(writes, ordered=False, comment="deliveries.claim")
        except BulkWriteError as error:
            if any(one["code"] != _DUPLICATE_KEY for one in (error.details or {})["writeErrors"]):
                raise
            self._deliveries.bulk_write(writes, ordered=False, comment="deliveries.claim")

    def mark(self, claim: Claim, tasks: Sequence[Task], state: State) -> int:
        """These are over. How many of them were still ours."""
        return self._settle(claim, tasks, {"state": state.value}, "deliveries.mark")

    def give_back(self, claim: Claim, tasks: Sequence[Task]) -> None:
        """These are to be tried again, by whoever comes first."""
        self._settle(claim, tasks, {"claimed_until": _NEVER}, "deliveries.give_back")

    def _settle(self, claim: Claim, tasks: Sequence[Task], change: Document, comment: str) -> int:
        if not tasks:
            return 0
        with self._mongo.errors():
            ours = {**_these(tasks), "claim": claim.token}
            return self._deliveries.update_many(ours, {"$set": change}, comment=comment).modified_count


def _taking(token: str, expires_at: datetime) -> list[Document]:
    """The claim is ours where nobody has a valid one and it is not over; by the store's clock alone."""
    is_open = {"$eq": [{"$ifNull": ["$state", State.OPEN.value]}, State.OPEN.value]}
    is_free = {"$lt": [{"$ifNull": ["$claimed_until", _NEVER]}, "$$NOW"]}
    may, until = {"$and": [is_open, is_free]}, {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": int(CLAIM_S)}}
    return [
        {
            "$set": {
                "claim": {"$cond": [may, token, "$claim"]},
                "claimed_until": {"$cond": [may, until, "$claimed_until"]},
                "state": {"$ifNull": ["$state", State.OPEN.value]},
                "expires_at": {"$ifNull": ["$expires_at", expires_at]},
            }
        }
    ]


def _key(task: Task) -> Document:
    return {"_id": task.id, "user_id": task.user_id}


def _these(tasks: Sequence[Task]) -> Document:
    return {"_id": {"$in": [task.id for task in tasks]}, "user_id": {"$in": sorted({task.user_id for task in tasks})}}
