"""I/O of broadcasts: MongoDB, one document for all who follow the creator. Numbered without gaps over all, in the order of commits.

What a person reads of them is merged from sorted ranges of an index, some creators or drops to a query, as lazily as it is read.
"""

from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime

from bson import Int64
from pymongo.client_session import ClientSession
from pymongo.cursor import Cursor

from services.contracts.notifications import Broadcast, Notice, Notification
from services.kernel import failpoints
from services.kernel.cache import batched
from services.kernel.mongo import Document, Mongo
from services.notifications import domain
from services.notifications.documents import Removal, document_of, notice_of
from services.notifications.domain import BROADCASTS, Interests, Lives, Numbered, Numbering

# Of more values of an $in than this, MongoDB no longer merges the ranges of a sorted index, but sorts everything (internalQueryMaxScansToExplode).
CREATORS_A_QUERY = 200

# The indexes whose ranges are merged. The planner, asked for some creators by number, may choose to walk through everybody's broadcasts instead.
OF_CREATOR, OF_DROP = [("creator_id", 1), ("number", 1)], [("drop_id", 1), ("number", 1)]


class Broadcasts:
    def __init__(self, mongo: Mongo, lives: Lives) -> None:
        self._mongo = mongo
        self._lives = lives
        self._broadcasts = mongo.collection("broadcasts")
        self._cancelled = mongo.collection("cancelled")
        self._counters = mongo.collection("counters")
        self.removal = Removal(mongo, self._broadcasts, "creator_id", "broadcasts.of_creator", "broadcasts.remove")

    def add(self, notices: Sequence[Notice]) -> Numbering:
        """Write what was not written before, in one transaction, under the next numbers. Nothing of drops that were cancelled."""

        def work(session: ClientSession) -> Numbering:
            last = self._last(session)
            cancelled = self._which_cancelled(notices, session)
            wishes = [(BROADCASTS, notice) for notice in notices if notice.drop_id not in cancelled]
            numbering = domain.numbered(wishes, self._known(notices, session), {BROADCASTS: last})
            if numbering.fresh:
                step = {"$inc": {"last": Int64(len(numbering.fresh))}}
                self._counters.update_one({"_id": BROADCASTS}, step, upsert=True, session=session, comment="counters.count")
                self._broadcasts.insert_many(
                    [self._document(one) for one in numbering.fresh], ordered=False, session=session, comment="broadcasts.add"
                )
            failpoints.reach("notifications.before_commit")
            return numbering

        with self._mongo.errors():
            return self._mongo.contended_transaction(work)

    def withdraw(self, drop_id: str, creator_id: str) -> None:
        """The drop was cancelled: what was broadcast of it goes, and nothing more comes.

        It writes the counter, so of this and a broadcast at the same moment one comes after the other.
        """
        longest = max(self._lives.values())

        def work(session: ClientSession) -> None:
            touch = {"$inc": {"withdrawals": Int64(1)}, "$setOnInsert": {"last": Int64(0)}}
            self._counters.update_one({"_id": BROADCASTS}, touch, upsert=True, session=session, comment="counters.touch")
            # An event that is older than its life is not told anyway.
            mark = {"$set": {"expires_at": datetime.now(UTC) + longest}}
            self._cancelled.update_one({"_id": drop_id}, mark, upsert=True, session=session, comment="cancelled.add")
            self._broadcasts.delete_many({"creator_id": creator_id, "drop_id": drop_id}, session=session, comment="broadcasts.withdraw")

        with self._mongo.errors():
            self._mongo.contended_transaction(work)

    def last(self) -> int:
        """The number of the newest one that there ever was."""
        with self._mongo.errors():
            return self._last()

    def _last(self, session: ClientSession | None = None) -> int:
        found = self._counters.find_one({"_id": BROADCASTS}, session=session, comment="counters.get")
        return int(found["last"]) if found else 0

    def _which_cancelled(self, notices: Sequence[Notice], session: ClientSession) -> set[str]:
        wanted = {"_id": {"$in": [notice.drop_id for notice in notices]}}
        return {one["_id"] for one in self._cancelled.find(wanted, session=session, comment="cancelled.which")}

    def _known(self, notices: Sequence[Notice], session: ClientSession) -> dict[tuple[str, str], int]:
        wanted = {
            "creator_id": {"$in": sorted({str(notice.creator_id) for notice in notices})},
            "_id": {"$in": [notice.id for notice in notices]},
        }
        found = self._broadcasts.find(wanted, {"number": 1}, session=session, comment="broadcasts.known")
        return {(BROADCASTS, one["_id"]): int(one["number"]) for one in found}

    def _document(self, one: Numbered) -> Document:
        return {
            "_id": one.notice.id,
            "creator_id": one.notice.creator_id,
            "drop_id": one.notice.drop_id,
            "number": Int64(one.number),
            "notice": document_of(one.notice),
            "expires_at": one.notice.at + self._lives[one.notice.kind],
        }

    def of(self, interests: Interests, after: int, upto: int, newest_first: bool, size: int) -> Generator[Notification]:
        """Those for a person behind `after`, up to `upto`, by their numbers, unread. size: about how many will be taken. Close it."""
        cursors = [
            found.sort("number", -1 if newest_first else 1).batch_size(size + 1)
            for found in self._ranges(interests, {"$gt": after, "$lte": upto})
        ]
        try:
            with self._mongo.errors():
                for told in domain.in_order([map(_told, cursor) for cursor in cursors], newest_first):
                    if interests.covers(told.notice):
                        yield told
        finally:
            for cursor in cursors:
                cursor.close()

    def _ranges(self, interests: Interests, numbers: Document) -> Iterator[Cursor[Document]]:
        for creators in batched(sorted(interests.followed), CREATORS_A_QUERY):
            of_these = {"creator_id": {"$in": creators}, "number": numbers}
            yield self._broadcasts.find(of_these, comment="broadcasts.of_creators", hint=OF_CREATOR)
        for drops in batched(sorted(interests.reminded), CREATORS_A_QUERY):
            sellers = sorted({interests.reminded[drop_id][0] for drop_id in drops})
            wanted = {"drop_id": {"$in": drops}, "creator_id": {"$in": sellers}, "number": numbers}
            yield self._broadcasts.find(wanted, comment="broadcasts.of_drops", hint=OF_DROP)

    def after(self, number: int, size: int) -> list[Broadcast]:
        """At most `size` of all there are behind this number, in the order of numbers."""
        wanted = {"number": {"$gt": number}}
        with self._mongo.errors():
            found = self._broadcasts.find(wanted, comment="broadcasts.after").sort("number", 1).limit(size)
            return [Broadcast(int(one["number"]), notice_of(one["_id"], one["notice"])) for one in found]

    def marks_of(self, notice_ids: Sequence[str]) -> dict[str, tuple[int, datetime]]:
        """Number and end of life of those of these that are broadcasts."""
        wanted = {"_id": {"$in": list(notice_ids)}}
        with self._mongo.errors():
            found = self._broadcasts.find(wanted, {"number": 1, "expires_at": 1}, comment="broadcasts.get_many")
            return {one["_id"]: (int(one["number"]), one["expires_at"]) for one in found}


def _told(one: Document) -> Notification:
    return Notification(notice_of(one["_id"], one["notice"]), False, int(one["number"]), False)
