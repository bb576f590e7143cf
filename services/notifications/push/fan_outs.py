"""I/O of fan-outs and their chunks: how far a broadcast is planned, and how far each chunk is. MongoDB.

Every step is made from the step that was read: of two who make the same one, only the first succeeds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from bson import Int64
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from services.contracts.events import Audience, PushChunk
from services.contracts.notifications import FanOut, FanOutState, Notice
from services.contracts.users import ListPlace, Piece
from services.kernel.mongo import Document, Mongo
from services.notifications.documents import document_of, notice_of
from services.notifications.push.rules import DELIVERED_KEPT

# Sorts behind every person who came at the same moment.
_LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


@dataclass(frozen=True)
class Plan:
    """A fan-out that is being planned. place: up to where the audience is cut. pending: chunks of the last step, which may not be sent yet."""

    notice: Notice
    audience: Audience
    place: ListPlace
    step: int
    chunks: int
    pending: Sequence[PushChunk]
    planned: bool

    def with_pieces(self, pieces: Sequence[Piece], more: bool) -> "Plan":
        """The next step: these pieces as chunks, and on behind them, or with the other audience, or no further."""
        chunks, place = list[PushChunk](), self.place
        for piece in pieces:
            number = self.chunks + len(chunks)
            chunks.append(PushChunk(self.notice.id, number, self.audience, place, piece.until, piece.people))
            place = piece.until
        on = replace(self, place=place, step=self.step + 1, chunks=self.chunks + len(chunks), pending=chunks)
        if more:
            return on
        if self.audience is Audience.FOLLOWERS:
            return replace(on, audience=Audience.REMINDED, place=begin_of(self.notice))
        return replace(on, planned=True)

    def sent(self) -> "Plan":
        """The next step of what is planned: its last chunks were sent."""
        return replace(self, step=self.step + 1, pending=())


@dataclass(frozen=True)
class Progress:
    """Of a chunk. place: up to where its people were looked at."""

    place: ListPlace
    step: int = 0
    done: bool = False


@dataclass(frozen=True)
class Counts:
    """What came of a step: people looked at, and deliveries."""

    looked_at: int = 0
    delivered: int = 0
    failed: int = 0
    retried: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.looked_at + other.looked_at,
            self.delivered + other.delivered,
            self.failed + other.failed,
            self.retried + other.retried,
        )


def begin_of(notice: Notice) -> ListPlace:
    """Before the newest of those who followed, or asked to be reminded, when it happened."""
    return ListPlace(notice.at, _LAST)


class FanOuts:
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._fan_outs = mongo.collection("fan_outs")
        self._chunks = mongo.collection("chunks")
        self._cancelled = mongo.collection("cancelled")

    def begin(self, notice: Notice) -> Plan:
        """As far as it is planned already."""
        plan = Plan(notice, Audience.FOLLOWERS, begin_of(notice), 0, 0, (), False)
        fresh: Document = {
            **_plan_document(plan),
            "drop_id": notice.drop_id,
            "notice": document_of(notice),
            "people": Int64(0),
            "begun_at": datetime.now(UTC),
            "expires_at": notice.at + DELIVERED_KEPT,
        }
        with self._mongo.errors():
            found: Document = self._fan_outs.find_one_and_update(  # type: ignore[assignment]  # it upserts
                {"_id": notice.id}, {"$setOnInsert": fresh}, upsert=True, return_document=ReturnDocument.AFTER, comment="fan_outs.begin"
            )
        return _plan(found)

    def advance(self, plan: Plan) -> bool:
        """Keep the step that this plan is. False where somebody else made it."""
        with self._mongo.errors():
            result = self._fan_outs.update_one(
                {"_id": plan.notice.id, "step": Int64(plan.step - 1)},
                {"$set": _plan_document(plan), "$inc": {"people": Int64(sum(chunk.people for chunk in plan.pending))}},
                comment="fan_outs.advance",
            )
        return bool(result.matched_count)

    def notice(self, fan_out_id: str) -> Notice | None:
        """What is told; None of a fan-out that is forgotten."""
        with self._mongo.errors():
            found = self._fan_outs.find_one({"_id": fan_out_id}, {"notice": 1}, comment="fan_outs.notice")
        return notice_of(found["_id"], found["notice"]) if found else None

    def is_cancelled(self, drop_id: str | None) -> bool:
        """Whether nothing more is told of this drop."""
        with self._mongo.errors():
            return self._cancelled.find_one({"_id": drop_id}, {"_id": 1}, comment="cancelled.get") is not None

    def progress(self, chunk: PushChunk) -> Progress:
        with self._mongo.errors():
            found = self._chunks.find_one(_chunk_key(chunk_id_of(chunk)), comment="chunks.get")
        if found is None:
            return Progress(chunk.after)
        return Progress(_place(found), int(found["step"]), found["done"])

    def checkpoint(self, chunk: PushChunk, before: Progress, place: ListPlace | None, counts: Counts) -> Progress:
        """A step was made, up to this place, or to the end. Where somebody else made it too, his is what counts: as far as that is."""
        after = Progress(place or chunk.until, before.step + 1, place is None)
        change: Document = {
            "$set": {"step": Int64(after.step), "done": after.done, **_place_document(after.place)},
            "$inc": _increments(counts),
        }
        if before.step == 0:
            change["$setOnInsert"] = {"expires_at": datetime.now(UTC) + DELIVERED_KEPT}
        wanted = {**_chunk_key(chunk_id_of(chunk)), "step": Int64(before.step)}
        with self._mongo.errors():
            try:
                made = self._chunks.update_one(wanted, change, upsert=before.step == 0, comment="chunks.checkpoint")
            except DuplicateKeyError:
                return self.progress(chunk)
        return after if made.matched_count or made.upserted_id else self.progress(chunk)

    def count(self, chunk_id: str, counts: Counts) -> None:
        """What came of deliveries that were tried again."""
        with self._mongo.errors():
            self._chunks.update_one(_chunk_key(chunk_id), {"$inc": _increments(counts)}, comment="chunks.count")

    def get(self, fan_out_id: str) -> FanOut | None:
        with self._mongo.errors():
            found = self._fan_outs.find_one({"_id": fan_out_id}, comment="fan_outs.get")
        return next(self._told([found])) if found else None

    def newest(self, size: int) -> list[FanOut]:
        with self._mongo.errors():
            found = list(self._fan_outs.find({}, comment="fan_outs.newest").sort("begun_at", -1).limit(size))
        return list(self._told(found))

    def _told(self, found: Sequence[Document]) -> Iterator[FanOut]:
        """With how far their chunks are."""
        ids, drops = [one["_id"] for one in found], [one["drop_id"] for one in found]
        sums: Document = {name: {"$sum": f"${name}"} for name in ("looked_at", "delivered", "failed", "retried")}
        group = {"_id": "$fan_out_id", "done": {"$sum": {"$toInt": "$done"}}, **sums}
        with self._mongo.errors():
            looked = self._chunks.aggregate([{"$match": {"fan_out_id": {"$in": ids}}}, {"$group": group}], comment="chunks.sum")
            progress = {one["_id"]: one for one in looked}
            cancelled = {one["_id"] for one in self._cancelled.find({"_id": {"$in": drops}}, comment="cancelled.which")}
        for one in found:
            yield _fan_out(one, progress.get(one["_id"], {}), one["drop_id"] in cancelled)


def chunk_id_of(chunk: PushChunk) -> str:
    return f"{chunk.fan_out_id}:{chunk.number}"


def _chunk_key(chunk_id: str) -> Document:
    return {"_id": chunk_id, "fan_out_id": chunk_id.partition(":")[0]}


def _increments(counts: Counts) -> Document:
    return {
        "looked_at": Int64(counts.looked_at),
        "delivered": Int64(counts.delivered),
        "failed": Int64(counts.failed),
        "retried": Int64(counts.retried),
    }


def _place(found: Mapping[str, Any]) -> ListPlace:
    return ListPlace(found["place_at"], found["place_of"])


def _place_document(place: ListPlace) -> Document:
    return {"place_at": place.followed_at, "place_of": place.user_id}


def _plan_document(plan: Plan) -> Document:
    return {
        "audience": plan.audience.value,
        "step": Int64(plan.step),
        "chunks": Int64(plan.chunks),
        "pending": [msgspec.to_builtins(chunk, builtin_types=(datetime,)) for chunk in plan.pending],
        "planned": plan.planned,
        **_place_document(plan.place),
    }


def _plan(found: Mapping[str, Any]) -> Plan:
    return Plan(
        notice_of(found["_id"], found["notice"]),
        Audience(found["audience"]),
        _place(found),
        int(found["step"]),
        int(found["chunks"]),
        [msgspec.convert(chunk, PushChunk) for chunk in found["pending"]],
        found["planned"],
    )


def _fan_out(found: Mapping[str, Any], progress: Mapping[str, Any], is_cancelled: bool) -> FanOut:
    chunks, done = int(found["chunks"]), int(progress.get("done", 0))
    state = FanOutState.DELIVERING
    if is_cancelled:
        state = FanOutState.CANCELLED
    elif not found["planned"]:
        state = FanOutState.PLANNING
    elif done >= chunks:
        state = FanOutState.DONE
    counted = [max(0, int(progress.get(name, 0))) for name in ("looked_at", "delivered", "failed", "retried")]
    return FanOut(
        found["_id"],
        notice_of(found["_id"], found["notice"]),
        state,
        found["begun_at"],
        int(found["people"]),
        chunks,
        done,
        *counted,
    )
