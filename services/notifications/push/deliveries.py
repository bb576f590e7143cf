"""I/O of deliveries: one document for each notice that goes to an endpoint, on the person's shard. Claimed before it is sent, marked after.

A claim runs out by the store's clock, so whoever died with it holds up nothing for long; what he had sent and not marked is sent again,
under the same id.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from services.kernel.mongo import Document, Mongo
from services.notifications.documents import Removal
from services.notifications.push.rules import DELIVERED_KEPT, Task

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
        with self._mongo.errors():
            known = self._add(tasks, token)
            holders = self._take(known, token)
        others = {task.id for task in known if holders.get(task.id) != token}
        mine = [task for task in tasks if task.id not in others]
        return Claim(token, mine, [task for task in known if holders.get(task.id, token) != token])

    def _add(self, tasks: Sequence[Task], token: str) -> list[Task]:
        """Make the documents of those that nobody has claimed before, nearly all, as ours. The others: they are there."""
        until: datetime = self._mongo.now() + timedelta(seconds=CLAIM_S)
        claimed = {"claim": token, "claimed_until": until, "state": State.OPEN.value}
        documents = [{**_key(task), **claimed, "expires_at": task.notice.at + DELIVERED_KEPT} for task in tasks]
        try:
            self._deliveries.insert_many(documents, ordered=False, comment="deliveries.add")
        except BulkWriteError as error:
            refused = (error.details or {})["writeErrors"]
            if any(one["code"] != _DUPLICATE_KEY for one in refused):
                raise
            return [tasks[one["index"]] for one in refused]
        return []

    def _take(self, tasks: Sequence[Task], token: str) -> dict[str, str]:
        """Claim what is there already, where that is open and free. Who holds each that is open."""
        if not tasks:
            return {}
        writes = [UpdateOne(_key(task), _taking(token)) for task in tasks]
        self._deliveries.bulk_write(writes, ordered=False, comment="deliveries.claim")
        found = self._deliveries.find(_these(tasks), comment="deliveries.claimed")
        return {one["_id"]: one["claim"] for one in found if one["state"] == State.OPEN}

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


def _taking(token: str) -> list[Document]:
    """The claim is ours where nobody has a valid one and it is not over; by the store's clock alone."""
    may = {"$and": [{"$eq": ["$state", State.OPEN.value]}, {"$lt": ["$claimed_until", "$$NOW"]}]}
    until = {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": int(CLAIM_S)}}
    return [{"$set": {"claim": {"$cond": [may, token, "$claim"]}, "claimed_until": {"$cond": [may, until, "$claimed_until"]}}}]


def _key(task: Task) -> Document:
    return {"_id": task.id, "user_id": task.user_id}


def _these(tasks: Sequence[Task]) -> Document:
    return {"_id": {"$in": [task.id for task in tasks]}, "user_id": {"$in": sorted({task.user_id for task in tasks})}}
