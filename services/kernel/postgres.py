"""PostgreSQL: a fair connection pool and transactions, the same for threads and green threads.

Statements are SQL text; psycopg2 (with psycogreen in nameko services) carries them. Connections are in autocommit, and
transactions are opened in the text, so that BEGIN and COMMIT travel with a statement instead of alone.
"""

import select
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_INTRANS, connection

from services.contracts.errors import DeadlineExceeded, Unavailable
from services.kernel import tracing
from services.kernel.metrics import Metrics

Row = tuple[Any, ...]
# A statement that runs longer than this is stuck: nobody waits for its answer any more.
STATEMENT_TIMEOUT_MS = 10_000
# Two batches for one drop wait for each other at its row, in turn; past this the one ahead is stuck.
LOCK_TIMEOUT_MS = 5_000
# A transaction left open by a process that hangs would hold its drop's row; the server ends it.
IDLE_IN_TRANSACTION_TIMEOUT_MS = 15_000
CONNECT_TIMEOUT_S = 3
# A machine that is gone says nothing, not even that it is: an idle line is asked after 5 s, and one that leaves what was sent unanswered,
# the first of a new connection included, is given up. (Green threads know no connect_timeout.)
_SILENCE: dict[str, Any] = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
# Of a statement in a trace, enough to know it by.
LONGEST_TOLD = 300


class Postgres:
    """A pool of at most `size` connections. Waiters are served in the order they came."""

    def __init__(self, url: str, metrics: Metrics, *, size: int = 8, name: str = "postgres", wait_s: float = 3.0) -> None:
        self._url = url
        self._metrics = metrics
        self._name = name
        self._wait_s = wait_s
        # https://opentelemetry.io/docs/specs/semconv/database/postgresql/
        self._attributes = {"db.system.name": "postgresql", "db.namespace": name}
        self._lock = threading.Lock()
        self._idle: list[connection] = []
        self._free = size
        self._waiters: deque[threading.Lock] = deque()

    @contextmanager
    def session(self) -> Iterator["Session"]:
        """A connection for the block. A transaction that the block left open is rolled back.

        Raises Unavailable where PostgreSQL is away, DeadlineExceeded where no connection came free in time.
        """
        self._take_turn()
        held: connection | None = None
        begin = time.perf_counter()
        span = tracing.open_span(f"postgresql {self._name}", "client", self._attributes)
        failure: Exception | None = None
        try:
            held = self._idle_one() or self._connect()
            yield Session(held, span)
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            failure = error
            self._metrics.count(f"store.{self._name}.failed")
            raise Unavailable("The database can't be reached right now.") from error
        finally:
            tracing.finish(span, failure)
            self._metrics.timing(f"store.{self._name}.held", time.perf_counter() - begin)
            self._give_back(held)

    def check(self) -> None:
        """Raise Unavailable where PostgreSQL does not answer."""
        with self.session() as session:
            session.rows("select 1")

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for held in idle:
            held.close()

    def _idle_one(self) -> connection | None:
        """An idle connection that is still good. One that PostgreSQL closed meanwhile has its end to be read; a good one is silent."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                held = self._idle.pop()
            if not select.select([held], [], [], 0)[0]:
                return held
            held.close()

    def _connect(self) -> connection:
        options = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS} "
        options += f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_TIMEOUT_MS} -c timezone=UTC"
        made: connection = psycopg2.connect(
            self._url, connect_timeout=CONNECT_TIMEOUT_S, options=options, application_name=f"livedrops {self._name}", **_SILENCE
        )
        made.autocommit = True
        return made

    def _take_turn(self) -> None:
        with self._lock:
            if self._free and not self._waiters:
                self._free -= 1
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiters.append(turn)
        begin = time.perf_counter()
        came = turn.acquire(timeout=self._wait_s) or self._turn_came_late(turn)
        # Who waits in vain waits longest.
        self._metrics.timing(f"store.{self._name}.waited", time.perf_counter() - begin)
        if not came:
            raise DeadlineExceeded("No database connection came free in time.")

    def _turn_came_late(self, turn: threading.Lock) -> bool:
        with self._lock:
            if turn in self._waiters:
                self._waiters.remove(turn)
                return False
        return True

    def _give_back(self, held: connection | None) -> None:
        if held is not None and not held.closed:
            self._settle(held)
        with self._lock:
            if held is not None and not held.closed:
                self._idle.append(held)
            if self._waiters:
                self._waiters.popleft().release()
            else:
                self._free += 1

    def _settle(self, held: connection) -> None:
        """Leave no transaction open; a connection that can't be settled is closed."""
        status = held.info.transaction_status
        if status == TRANSACTION_STATUS_IDLE:
            return
        try:
            if status < TRANSACTION_STATUS_INTRANS:  # a statement still runs: its answer is lost
                held.close()
            else:
                with held.cursor() as cursor:
                    cursor.execute("rollback")
        except psycopg2.Error:
            held.close()


class Session:
    """Statements on one connection."""

    def __init__(self, held: connection, span: tracing.Span | None = None) -> None:
        self._held = held
        self._span = span

    def rows(self, statement: str, parameters: Sequence[Any] | dict[str, Any] | None = None) -> list[Row]:
        """Run it (several, separated by semicolons, too) and return the rows of the last statement."""
        self._tell(statement)
        with self._held.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def run(self, statement: str, parameters: Sequence[Any] | dict[str, Any] | None = None) -> int:
        """Run it and return how many rows the last statement touched."""
        self._tell(statement)
        with self._held.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.rowcount

    def _tell(self, statement: str) -> None:
        """When a statement began, in a transaction that is recorded. Its text holds places for values, never values."""
        if self._span is not None:
            self._span.happened("statement", {"db.query.text": " ".join(statement.split())[:LONGEST_TOLD]})
