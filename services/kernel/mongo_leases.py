"""A lease in MongoDB: what `services.kernel.leases` is for jobs whose store is PostgreSQL, by the same rules.

The holder's transactions write into the lease's document. So a take-over and a transaction of the old holder can't both succeed,
and a paused old leader that wakes up can change nothing. Time is the database's alone.
"""

import os
import socket
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession

from services.kernel.leases import LEASE_S, LeaseLost
from services.kernel.mongo import Document, Mongo

COLLECTION = "leases"
# A holder whose lease ran out in a transaction that has done nothing for so long has died or sleeps. The store itself would keep what it
# wrote from everybody for transactionLifetimeLimitSeconds, a minute.
STALLED_S = 1.0
# When a lease that nobody ever held ran out.
BEGINNING = datetime.fromtimestamp(0, UTC)


class MongoLease:
    """The right to do the job `name`, for one process. The document keeps, besides, what `fence` puts into it."""

    def __init__(self, mongo: Mongo, name: str, life_s: float = LEASE_S) -> None:
        self._mongo = mongo
        self._leases = mongo.collection(COLLECTION)
        self._name = name
        self._life_ms = int(life_s * 1000)
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.epoch: int | None = None
        self._renew_at = 0.0

    def hold(self) -> bool:
        """Take the lease, or keep it; asks the database three times in the lease's life. False while another process holds it."""
        if self.epoch is not None and time.monotonic() < self._renew_at:
            return True
        return self.acquire()

    def acquire(self) -> bool:
        """Take or renew the lease now. False while another process holds it."""
        self._renew_at = time.monotonic() + self._life_ms / 3000
        self._make_way()
        may = {"$or": [{"$eq": ["$holder", self.holder]}, {"$lt": [{"$ifNull": ["$expires_at", BEGINNING]}, "$$NOW"]}]}
        taken_over = {"$add": [{"$ifNull": ["$epoch", 0]}, {"$cond": [{"$eq": ["$holder", self.holder]}, 0, 1]}]}
        mine = {"epoch": taken_over, "holder": self.holder, "session": self._mongo.session_id, "expires_at": self._expiry()}
        change = [{"$set": {name: {"$cond": [may, value, f"${name}"]} for name, value in mine.items()}}]
        with self._mongo.errors():
            found: Document = self._leases.find_one_and_update(  # type: ignore[assignment]  # it upserts
                {"_id": self._name},
                change,
                upsert=True,
                return_document=ReturnDocument.AFTER,
                comment="leases.acquire",
                maxTimeMS=self._life_ms // 3,  # a transaction that holds it up is looked at again
            )
        self.epoch = found["epoch"] if found["holder"] == self.holder else None
        return self.epoch is not None

    def _make_way(self) -> None:
        """End the transaction in which another holder let its lease run out: nobody else can write the lease before it ends."""
        run_out = {"_id": self._name, "holder": {"$ne": self.holder}, "$expr": {"$lt": ["$expires_at", "$$NOW"]}}
        with self._mongo.errors():
            found = self._leases.find_one(run_out, {"session": 1}, comment="leases.run_out")
        if found and found.get("session"):
            self._mongo.end_stalled_transaction(found["session"], STALLED_S)

    def kept(self) -> Document:
        """The lease's document, with what the last holder's transactions put into it."""
        with self._mongo.errors():
            return self._leases.find_one({"_id": self._name}, comment="leases.kept") or {}

    def fence(self, session: ClientSession, keep: dict[str, Any]) -> None:
        """Inside a transaction of the job: raise LeaseLost unless this epoch still stands, renew the lease, and keep these fields in it."""
        kept = {name: {"$literal": value} for name, value in keep.items()}
        result = self._leases.update_one(
            {"_id": self._name, "epoch": self.epoch},
            [{"$set": {**kept, "expires_at": self._expiry()}}],
            session=session,
            comment="leases.fence",
        )
        if not result.matched_count:
            self.epoch = None
            raise LeaseLost(f"The lease {self._name} was taken over.")
        self._renew_at = time.monotonic() + self._life_ms / 3000

    def release(self) -> None:
        """Give it up at once, so that the next need not wait."""
        if self.epoch is None:
            return
        with self._mongo.errors():
            self._leases.update_one({"_id": self._name, "epoch": self.epoch}, [{"$set": {"expires_at": "$$NOW"}}], comment="leases.release")
        self.epoch = None

    def _expiry(self) -> Document:
        return {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": self._life_ms}}
