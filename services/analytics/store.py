"""I/O of analytics: PostgreSQL. Sums, and which events are in them, in one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta

import msgspec

from services.analytics import domain
from services.analytics.domain import Cell, Fact, Sums
from services.contracts.analytics import Grain, Seen
from services.contracts.events import Event
from services.contracts.tallies import HOURS_KEPT, MINUTES_KEPT, Tallies
from services.kernel import failpoints, inbox
from services.kernel.postgres import Postgres, Row, Session

FOLLOWS = "analytics.follows"
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

# The rows of these drops are locked from here to the commit: two who are told the same add it once.
_UNCOUNTED = """
insert into counted (drop_id, versions) select drop_id, '{}' from unnest(%s::uuid[]) as told (drop_id) on conflict do nothing;
select told.drop_id::text, told.version
from counted c join unnest(%s::uuid[], %s::bigint[]) as told (drop_id, version) on c.drop_id = told.drop_id
where not c.versions @> told.version
for update of c
"""
_COUNTED = """
update counted c set versions = c.versions + fresh.versions, changed_at = clock_timestamp()
from (
    select drop_id, range_agg(int8range(version, version + 1)) as versions
    from unnest(%s::uuid[], %s::bigint[]) as told (drop_id, version) group by drop_id
) fresh
where c.drop_id = fresh.drop_id
"""


class Store:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def now(self) -> datetime:
        """By the database's clock."""
        with self._postgres.session() as session:
            now: datetime = session.rows("select clock_timestamp()")[0][0]
            return now

    def count_orders(self, events: Sequence[Event]) -> None:
        """Add orders and cancellations that are not added yet."""
        facts = {(fact.subject, fact.version): fact for fact in map(domain.order_fact, events)}
        with self._adding() as session:
            _count(session, [facts[key] for key in _uncounted(session, list(facts))])

    def count_follows(self, events: Sequence[Event]) -> None:
        """Add follows and unfollows that are not added yet."""
        with self._adding() as session:
            _count(session, [domain.follow_fact(event) for event in inbox.unseen(session, FOLLOWS, events)])

    def count_report(self, report_id: str, seen: Sequence[Seen]) -> None:
        """Add it, unless it was added before."""
        with self._adding() as session:
            if inbox.unseen_ids(session, REPORTS, [report_id]):
                _add(session, domain.sums_of(domain.fact_seen(one) for one in seen))

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
            gone += session.run(
                "delete from counted where drop_id in (select drop_id from counted where changed_at < %s limit %s)",
                (now - timedelta(days=inbox.KEPT_DAYS), TIDIED_AT_ONCE),
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


def _uncounted(session: Session, keys: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Those of the changes (drop, version of its stock) that were not counted, now marked as counted. Within its transaction."""
    drops, versions = [drop_id for drop_id, _ in keys], [version for _, version in keys]
    fresh = [(row[0], row[1]) for row in session.rows(_UNCOUNTED, (sorted({*drops}), drops, versions))]
    if fresh:
        session.run(_COUNTED, ([drop_id for drop_id, _ in fresh], [version for _, version in fresh]))
    return fresh


def _count(session: Session, facts: Sequence[Fact]) -> None:
    rebuilt = _rebuilt(session, {fact.subject for fact in facts})
    _add(session, domain.sums_of(domain.without_rebuilt(facts, rebuilt)))


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
