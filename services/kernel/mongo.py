"""MongoDB: a client with deadlines, majority writes, typed errors and a metric for every command."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import pymongo
from bson.binary import Binary
from bson.codec_options import CodecOptions
from pymongo import monitoring
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import ConnectionFailure, ExecutionTimeout, NetworkTimeout, PyMongoError, WTimeoutError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from services.contracts.errors import Unavailable
from services.kernel import tracing
from services.kernel.metrics import Metrics

T = TypeVar("T")
Document = dict[str, Any]
# An election takes some two seconds; past this the caller is told to come back.
SERVER_SELECTION_TIMEOUT_MS = 4_000
# The deadline of one operation, its retries included.
OPERATION_TIMEOUT_MS = 5_000
WRITE_TIMEOUT_MS = 4_000
SILENCE_TIMEOUT_MS = 30_000
# A transaction that has done nothing for so long belongs to somebody who died or sleeps: between two of our commands lie milliseconds.
STALLED_S = 1.0
# What a transaction that meets a stalled one tries for, before it ends that one.
CONTENDED_S = 1.5
_AWAY = (ConnectionFailure, ExecutionTimeout, NetworkTimeout, WTimeoutError)


class Mongo:
    """One database. Reads and writes are with majority, and reads ask the primary, unless a collection is asked for otherwise.

    patient: for a worker that nobody waits for. Its streams wait for changes, and its scans take their time; only a silence of the server
    ends an operation, not a deadline. name: of who connects, as MongoDB knows it.
    """

    def __init__(self, url: str, database: str, metrics: Metrics, patient: bool = False, name: str = "livedrops") -> None:
        self._name = name
        bounds: dict[str, int] = {"socketTimeoutMS": SILENCE_TIMEOUT_MS} if patient else {"timeoutMS": OPERATION_TIMEOUT_MS}
        self.client: pymongo.MongoClient[Document] = pymongo.MongoClient(
            url,
            **bounds,  # type: ignore[arg-type]
            serverSelectionTimeoutMS=SERVER_SELECTION_TIMEOUT_MS,
            retryWrites=True,
            retryReads=True,
            event_listeners=[_CommandMetrics(metrics)],
            appname=name,
            connect=False,
        )
        # A transaction that is held up is repeated by the driver for two minutes, unless it has a deadline as a whole.
        self._transaction_timeout_s = None if patient else OPERATION_TIMEOUT_MS / 1000
        # All transactions of a worker are in one session: by it, its successor ends the one that it died in (`mongo_leases`).
        self._session = self.client.start_session() if patient else None
        options: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
        self.database = self.client.get_database(
            database,
            codec_options=options,
            write_concern=WriteConcern("majority", wtimeout=WRITE_TIMEOUT_MS),
            read_concern=ReadConcern("majority"),
        )

    def collection(self, name: str) -> Collection[Document]:
        return self.database.get_collection(name)

    def transaction(self, work: Callable[[ClientSession], T]) -> T:
        """Run work in a transaction; it is repeated after a passing error, so it must have no other effect."""
        with pymongo.timeout(self._transaction_timeout_s):
            if self._session is not None:
                return _run(self._session, work)
            with self.client.start_session() as session:
                return _run(session, work)

    def contended_transaction(self, work: Callable[[ClientSession], T]) -> T:
        """The same where many processes of this name write the same documents.

        One that died inside its transaction would hold them up for transactionLifetimeLimitSeconds, a minute: its transaction is ended. Should
        the process have been asleep, its transaction fails when it wakes, and is repeated.
        """
        try:
            with pymongo.timeout(CONTENDED_S):
                return self.transaction(work)
        except PyMongoError as error:
            if not (isinstance(error, _AWAY) or error.has_error_label("TransientTransactionError")):
                raise
        self._end_stalled({"appName": self._name}, STALLED_S)
        return self.transaction(work)

    @property
    def session_id(self) -> Binary | None:
        """Of a worker's transactions; None for others, whose transactions have a session each."""
        return self._session.session_id["id"] if self._session is not None else None

    def end_stalled_transaction(self, session_id: Binary, stalled_s: float) -> None:
        """End the transaction of this session, if it has one that has done nothing for so long."""
        with self.errors():
            self._end_stalled({"lsid.id": session_id}, stalled_s)

    def _end_stalled(self, whose: Document, stalled_s: float) -> None:
        """End the sessions that match and whose transactions have done nothing for so long."""
        stalled = {**whose, "type": "idleSession", "transaction.timeInactiveMicros": {"$gte": int(stalled_s * 1e6)}}
        found = self.client.admin.aggregate([{"$currentOp": {"idleSessions": True}}, {"$match": stalled}])
        sessions = [{"id": operation["lsid"]["id"]} for operation in found]
        if sessions:
            self.client.admin.command("killSessions", sessions)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn "can't be reached", and a transaction that others held up until its time was over, into Unavailable."""
        try:
            yield
        except _AWAY as error:
            raise Unavailable("The database can't be reached right now.") from error
        except PyMongoError as error:
            if error.has_error_label("TransientTransactionError"):
                raise Unavailable("Others write the same right now.") from error
            raise

    def check(self) -> None:
        """Raise Unavailable where no primary answers."""
        try:
            with pymongo.timeout(1.0):
                self.client.admin.command("ping")
        except PyMongoError as error:
            raise Unavailable(f"MongoDB: {error}") from error

    def now(self) -> datetime:
        """By the store's clock."""
        with self.errors():
            told: datetime = self.client.admin.command("hello", codec_options=self.database.codec_options)["localTime"]
        return told

    def close(self) -> None:
        self.client.close()


def _run(session: ClientSession, work: Callable[[ClientSession], T]) -> T:
    return session.with_transaction(work, ReadConcern("snapshot"), WriteConcern("majority"))


class _CommandMetrics(monitoring.CommandListener):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        pass

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self._metrics.timing(f"store.mongo.{event.command_name}", event.duration_micros / 1e6)
        _trace(event)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        self._metrics.count(f"store.mongo.{event.command_name}.failed")
        _trace(event, str(event.failure.get("codeName", "error")))


def _trace(event: monitoring.CommandSucceededEvent | monitoring.CommandFailedEvent, failure: str | None = None) -> None:
    """https://opentelemetry.io/docs/specs/semconv/database/mongodb/"""
    if tracing.is_recorded():
        attributes = {"db.system.name": "mongodb", "db.namespace": event.database_name, "db.operation.name": event.command_name}
        name = f"{event.command_name} {event.database_name}"
        tracing.tell_past(name, "client", attributes, event.duration_micros / 1e6, failure)
