"""I/O of reminders: of which drops a person asked to be told. MongoDB, on the person's shard. One ends some time after its drop."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bson import Int64

from services.contracts.errors import RateLimited
from services.contracts.products import Drop
from services.kernel.mongo import Document, Mongo
from services.kernel.mongo_pieces import ListPieces, Place
from services.notifications.documents import STEP, Removal

# What was told of the drop is in the inbox for some days more, and the drop may be put off by somebody in the meantime.
KEPT_AFTER_END = timedelta(days=30)
# More drops than this at once nobody waits for.
MOST = 1_000


class Reminders:
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._reminders = mongo.collection("reminders")
        self._pieces = ListPieces(mongo, self._reminders, "since", "reminders")
        self.removal = Removal(mongo, self._reminders, "user_id", "reminders.of_person", "reminders.remove")

    def add(self, user_id: str, drop: Drop) -> None:
        """From now on, or as before. Raises RateLimited where there are too many."""
        reminded = self.of(user_id)
        if drop.id not in reminded and len(reminded) >= MOST:
            raise RateLimited("You asked to be reminded of too many drops. Forget some.", retry_after_s=3600)
        change: Document = {
            "$setOnInsert": {"drop_id": drop.id, "creator_id": drop.creator_id, "since": datetime.now(UTC)},
            "$set": _end(drop),
        }
        with self._mongo.errors():
            self._reminders.update_one(_key(user_id, drop.id), change, upsert=True, comment="reminders.add")

    def forget(self, user_id: str, drop_id: str) -> None:
        with self._mongo.errors():
            self._reminders.delete_one(_key(user_id, drop_id), comment="reminders.forget")

    def which(self, user_id: str, drop_ids: Sequence[str]) -> set[str]:
        """Those of these drops of which the person asked to be told."""
        wanted = {"user_id": user_id, "_id": {"$in": [f"{user_id}:{drop_id}" for drop_id in drop_ids]}}
        with self._mongo.errors():
            return {one["drop_id"] for one in self._reminders.find(wanted, {"drop_id": 1}, comment="reminders.which")}

    def of(self, user_id: str) -> dict[str, tuple[str, datetime]]:
        """All of a person: creator and since when, by drop."""
        with self._mongo.errors():
            found = self._reminders.find({"user_id": user_id}, comment="reminders.all").limit(MOST)
            return {one["drop_id"]: (one["creator_id"], one["since"]) for one in found}

    def of_each(self, user_ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
        """Of which drops each of these people asked to be told, with its creator; of those who did."""
        reminded: dict[str, list[tuple[str, str]]] = {}
        with self._mongo.errors():
            for one in self._reminders.find({"user_id": {"$in": list(user_ids)}}, comment="reminders.of_each"):
                reminded.setdefault(one["user_id"], []).append((one["drop_id"], one["creator_id"]))
        return reminded

    def cut(self, drop_id: str, size: int, after: Place) -> tuple[Place, int] | None:
        """Of those who asked to be told of a drop: where the piece of at most `size` behind `after` ends, and how many it has."""
        return self._pieces.cut({"drop_id": drop_id}, size, after)

    def between(self, drop_id: str, size: int, after: Place, until: Place) -> list[Place]:
        """Who asked to be told of a drop, newest first: at most `size` places behind `after`, up to and with `until`."""
        return self._pieces.between({"drop_id": drop_id}, size, after, until)

    def move(self, drop: Drop) -> bool:
        """The drop has changed: let some of its reminders end when it does now. Whether there may be more."""
        older = {"$lt": Int64(drop.version)}
        with self._mongo.errors():
            wanted = {"drop_id": drop.id, "drop_version": older}
            found = list(self._reminders.find(wanted, {"user_id": 1}, comment="reminders.of_drop").limit(STEP))
            if found:
                these = {"_id": {"$in": [one["_id"] for one in found]}, "user_id": {"$in": [one["user_id"] for one in found]}}
                self._reminders.update_many({**these, "drop_version": older}, {"$set": _end(drop)}, comment="reminders.move")
        return len(found) == STEP


def _key(user_id: str, drop_id: str) -> Document:
    return {"_id": f"{user_id}:{drop_id}", "user_id": user_id}


def _end(drop: Drop) -> Document:
    return {"drop_version": Int64(drop.version), "expires_at": drop.ends_at + KEPT_AFTER_END}
