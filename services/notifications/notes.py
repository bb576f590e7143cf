"""I/O of personal notes: MongoDB, on the shard of the person. Written once an event, under a number without gaps, in the order of commits."""

from collections.abc import Sequence

from bson import Int64
from pymongo.client_session import ClientSession

from services.contracts.notifications import NoticeKind, Notification
from services.kernel import failpoints
from services.kernel.mongo import Document, Mongo
from services.notifications import domain
from services.notifications.documents import Removal, document_of, notice_of
from services.notifications.domain import Lives, Numbered, Numbering, Wish
from services.notifications.people import People


class Notes:
    def __init__(self, mongo: Mongo, people: People, lives: Lives) -> None:
        self._mongo = mongo
        self._people = people
        self._lives = lives
        self._notes = mongo.collection("notes")
        self.removal = Removal(mongo, self._notes, "user_id", "notes.of_person", "notes.remove")

    def add(self, wishes: Sequence[Wish]) -> Numbering:
        """Write what was not written before, in one transaction. Nothing for people who are gone.

        A transaction that reads a person's last number and finds it moved when it writes it is repeated: so numbers are given in the order
        of commits, and what another process has written meanwhile is known.
        """

        def work(session: ClientSession) -> Numbering:
            people = self._people.counted(sorted({user_id for user_id, _ in wishes}), session)
            alive = [(user_id, notice) for user_id, notice in wishes if user_id not in people or not people[user_id].gone]
            known = self._known(alive, session)
            numbering = domain.numbered(alive, known, {user_id: person.last for user_id, person in people.items()})
            self._people.count(numbering.taken, session)
            if numbering.fresh:
                self._notes.insert_many(
                    [self._document(one) for one in numbering.fresh], ordered=False, session=session, comment="notes.add"
                )
            failpoints.reach("notifications.before_commit")
            return numbering

        with self._mongo.errors():
            return self._mongo.contended_transaction(work)

    def _known(self, wishes: Sequence[Wish], session: ClientSession) -> dict[tuple[str, str], int]:
        wanted: Document = {
            "user_id": {"$in": sorted({user_id for user_id, _ in wishes})},
            "_id": {"$in": [_key(user_id, notice.id) for user_id, notice in wishes]},
        }
        found = self._notes.find(wanted, {"number": 1}, session=session, comment="notes.known")
        return {_parts(one["_id"]): int(one["number"]) for one in found}

    def _document(self, one: Numbered) -> Document:
        return {
            "_id": _key(one.stream, one.notice.id),
            "user_id": one.stream,
            "number": Int64(one.number),
            "read": False,
            "notice": document_of(one.notice),
            "expires_at": one.notice.at + self._lives[one.notice.kind],
        }

    def newest(self, user_id: str, upto: int, read_upto: int, size: int, unread_only: bool) -> list[Notification]:
        """At most `size` of the notes up to this number, newest first."""
        if unread_only:
            wanted: Document = {**_range(user_id, read_upto, upto), "read": False}
            found = self._notes.find(wanted, comment="notes.unread")
        else:
            found = self._notes.find(_range(user_id, 0, upto), comment="notes.page")
        with self._mongo.errors():
            return [_told(one, read_upto) for one in found.sort("number", -1).limit(size)]

    def after(self, user_id: str, after: int, upto: int, without: Sequence[NoticeKind], read_upto: int, size: int) -> list[Notification]:
        """At most `size` of the notes behind `after`, up to `upto`, oldest first, without these kinds."""
        wanted = {**_range(user_id, after, upto), "notice.kind": {"$nin": [kind.value for kind in without]}}
        with self._mongo.errors():
            return [_told(one, read_upto) for one in self._notes.find(wanted, comment="notes.replay").sort("number", 1).limit(size)]

    def count_unread(self, user_id: str, read_upto: int, upto: int, most: int) -> int:
        wanted = {**_range(user_id, read_upto, upto), "read": False}
        with self._mongo.errors():
            return self._notes.count_documents(wanted, limit=most, comment="notes.count_unread")

    def read(self, user_id: str, notice_ids: Sequence[str]) -> None:
        """Those of them that are this person's are read."""
        wanted = {"user_id": user_id, "_id": {"$in": [_key(user_id, notice_id) for notice_id in notice_ids]}, "read": False}
        with self._mongo.errors():
            self._notes.update_many(wanted, {"$set": {"read": True}}, comment="notes.read")


def _range(user_id: str, after: int, upto: int) -> Document:
    return {"user_id": user_id, "number": {"$gt": after, "$lte": upto}}


def _key(user_id: str, notice_id: str) -> str:
    return f"{user_id}:{notice_id}"


def _parts(key: str) -> tuple[str, str]:
    user_id, _, notice_id = key.partition(":")
    return user_id, notice_id


def _told(one: Document, read_upto: int) -> Notification:
    number = int(one["number"])
    return Notification(notice_of(_parts(one["_id"])[1], one["notice"]), True, number, one["read"] or number <= read_upto)
