"""A MongoDB change stream, batch by batch.

The driver's own ChangeStream hands out one change at a time and opens itself again behind the caller's back. A reader that keeps its
place in the transaction of its effects wants whole batches, the place behind each of them, and to open the stream itself.
https://www.mongodb.com/docs/manual/changeStreams/
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bson.timestamp import Timestamp
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import OperationFailure

Document = dict[str, Any]
# The place where reading goes on: a resume token, or a time of the cluster before anything was read.
Place = Document | Timestamp
# The oplog no longer reaches back to the place: ChangeStreamHistoryLost, and what older and newer servers say of such a token.
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
_PLACE_LOST = frozenset({286, 280, 260, 136, 222})


class PlaceLost(Exception):
    """Changes were missed: the store does not remember them any more."""


@dataclass(frozen=True)
class Batch:
    """Changes in their order, and the place behind them, which moves on also where there are none."""

    changes: Sequence[Document]
    place: Document


class ChangeStream:
    """One open stream over a database."""

    def __init__(self, database: Database[Document], pipeline: Sequence[Document], place: Place, size: int) -> None:
        """size: changes in a batch at most. Raises PlaceLost."""
        self._database = database
        self._size = size
        self._session: ClientSession = database.client.start_session()
        begin = {"startAtOperationTime": place} if isinstance(place, Timestamp) else {"resumeAfter": place}
        command = {"aggregate": 1, "pipeline": [{"$changeStream": begin}, *pipeline], "cursor": {"batchSize": size}}
        self._first: Document | None = self._run(command)
        self._cursor: int = self._first["id"]
        self._collection: str = self._first["ns"].partition(".")[2]

    def next(self, wait_s: float) -> Batch:
        """What has happened, waiting for it so long at most. Raises PlaceLost, and what pymongo raises of connections."""
        answer = self._first
        self._first = None
        if answer is None or not answer["firstBatch"]:
            answer = self._run(
                {"getMore": self._cursor, "collection": self._collection, "batchSize": self._size, "maxTimeMS": max(1, int(wait_s * 1000))}
            )
        changes: list[Document] = answer["nextBatch"] if "nextBatch" in answer else answer["firstBatch"]
        return Batch(changes, answer["postBatchResumeToken"])

    def close(self) -> None:
        self._session.end_session()

    def _run(self, command: Document) -> Document:
        try:
            cursor: Document = self._database.command(command, session=self._session, codec_options=self._database.codec_options)["cursor"]
            return cursor
        except OperationFailure as error:
            if error.code in _PLACE_LOST:
                raise PlaceLost(str(error)) from error
            raise
