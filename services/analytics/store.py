"""I/O of analytics: PostgreSQL. Sums, and which events are in them, in one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime

import msgspec

from services.analytics import domain
from services.analytics.domain import Cell, Sums
from services.contracts.analytics import Grain, Seen
from services.contracts.events import Event
from services.contracts.tallies import HOURS_KEPT, MINUTES_KEPT, Tallies
from services.kernel import failpoints, inbox
from services.kernel.postgres import Postgres, Row, Session

EVENTS = "analytics"
REPORTS = "analytics.reports"
# Any number that no other lock of this database has: who counts anew goes alone, all who add go together.
_LOCK = 5_180_337_201
# Rows that one statement of the tidying deletes.
TIDIED_AT_ONCE = 5_000
# In the order of the key, so that two transactions never wait for each other in a ring. Less than nothing is there of nothing.
_ADD = """
insert into tallies as t (subject, grain, at, measure, count)
select subject, grain, at, measure, added
from json_to_recordset(%s) as fresh (subject uuid, grain text, at timestamptz, measure text, added bigint)
where added > 0 order by subject, grain, at, measure
on conflict (subject, grain, at, measure) do update set count = t.count + excluded.count
"""
_TAKE = """
update tallies t set count = greatest(0, t.count + fresh.added)
from json_to_recordset(%s) as fresh (subject uuid, grain text, at timestamptz, measure text, added bigint)
where added < 0 and t.subject = fresh.subject and t.grain = fresh.grain and t.at = fresh.at and t.measure = fresh.measure
"""


class Store:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def now(self) -> datetime:
        """By the database's clock."""
        with self._postgres.session() as session:
            now: datetime = session.rows("select clock_timestamp()")[0][0]
            return now

    def count_events(self, events: Sequence[Event]) -> int:
        """Add what is not added yet. How many of the events that were."""
        with self._adding() as session:
            fresh = inbox.unseen(session, EVENTS, events)
            facts = [domain.fact_of(event) for event in fresh]
            rebuilt = _rebuilt(session, {fact.subject for fact in facts})
            _add(session, domain.sums_of(domain.without_rebuilt(facts, rebuilt)))
        return len(fresh)

    def count_report(self, report_id: str, seen: Sequence[Seen]) -> bool:
        """Add it, unless it was added before. Whether it was new."""
        with self._adding() as session:
            new = bool(inbox.unseen_ids(session, REPORTS, [report_id]))
            if new:
                _add(session, domain.sums_of(domain.fact_seen(one) for one in seen))
        return new

    def series(self, subject: str, grain: Grain, since: datetime, until: datetime) -> list[Row]:
        """When, measure, count; in no order."""
        statement = "select at, measure, count from tallies where subject = %s and grain = %s and at >= %s and at < %s and count > 0"
        with self._postgres.session() as session:
            return session.rows(statement, (subject, grain.value, since, until))

    def rebuild(self, subject: str, parents: Sequence[str], measures: Sequence[str], until: datetime, owned: Tallies) -> int:
        """Make a subject's sums of before this time what their owner says. How many were wrong."""
        with self._transaction("pg_advisory_xact_lock") as session:
            kept = _kept(session, subject, measures, until)
            wrong, sums = domain.corrections(subject, parents, kept, owned)
            _add(session, sums)
            session.run(
                "insert into rebuilt (subject, until) values (%s, %s) on conflict (subject) do update set until = excluded.until",
                (subject, until),
            )
        return wrong

    def tidy(self) -> int:
        """Delete some of what is older than it is kept. How many rows that were."""
        now = datetime.now(UTC)
        with self._postgres.session() as session:
            gone = sum(
                session.run(
                    "delete from tallies where (subject, grain, at, measure) in "
                    "(select subject, grain, at, measure from tallies where grain = %s and at < %s limit %s)",
                    (grain.value, now - kept, TIDIED_AT_ONCE),
                )
                for grain, kept in ((Grain.MINUTE, MINUTES_KEPT), (Grain.HOUR, HOURS_KEPT))
            )
            return gone + inbox.forget_old(session, TIDIED_AT_ONCE)

    def _adding(self) -> AbstractContextManager[Session]:
        return self._transaction("pg_advisory_xact_lock_shared")

    @contextmanager
    def _transaction(self, lock: str) -> Iterator[Session]:
        with self._postgres.session() as session:
            session.run(f"begin; select {lock}(%s)", (_LOCK,))
            yield session
            failpoints.reach("analytics.before_commit")
            session.run("commit")
            failpoints.reach("analytics.after_commit")


def _rebuilt(session: Session, subjects: Iterable[str]) -> Mapping[str, datetime]:
    return dict(session.rows("select subject::text, until from rebuilt where subject = any(%s::uuid[])", (sorted(subjects),)))


def _kept(session: Session, subject: str, measures: Sequence[str], until: datetime) -> dict[Cell, int]:
    """A subject's sums of before this time, as far back as their owner counts them."""
    rows = session.rows(
        "select grain, at, measure, count from tallies where subject = %s and measure = any(%s) and at < %s and at >= %s "
        "and (grain = 'HOUR' or at >= %s)",
        (subject, list(measures), until, until - HOURS_KEPT, until - MINUTES_KEPT),
    )
    return {Cell(subject, Grain(grain), at, measure): count for grain, at, measure, count in rows}


def _add(session: Session, sums: Sums) -> None:
    rows = [
        {"subject": cell.subject, "grain": cell.grain.value, "at": cell.at.isoformat(), "measure": cell.measure, "added": added}
        for cell, added in sums.items()
    ]
    if rows:
        text = msgspec.json.encode(rows).decode()
        session.run(_ADD, (text,))
        if any(added < 0 for added in sums.values()):
            session.run(_TAKE, (text,))
