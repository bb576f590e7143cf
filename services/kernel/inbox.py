"""Dedupe of events: each event takes effect once for each consumer, in the transaction of its effect."""

from collections.abc import Iterable, Sequence

from services.contracts.events import Event
from services.kernel.postgres import Session

# An event delivered again after this long would take effect again; redeliveries come within minutes, replays within days.
KEPT_DAYS = 30

SCHEMA = """
create table if not exists processed_events (
    consumer text not null,
    event_id uuid not null,
    processed_at timestamptz not null default clock_timestamp(),
    primary key (consumer, event_id)
);
create index if not exists processed_events_age on processed_events using brin (processed_at)
"""


def unseen(session: Session, consumer: str, events: Sequence[Event]) -> list[Event]:
    """Those of the events that this consumer has not processed, now marked as processed. Within its transaction."""
    first = {event.id: event for event in reversed(events)}
    new = unseen_ids(session, consumer, first)
    return [event for event in first.values() if event.id in new]


def unseen_ids(session: Session, consumer: str, ids: Iterable[str]) -> set[str]:
    """The same of ids."""
    rows = session.rows(
        "insert into processed_events (consumer, event_id) select %s, unnest(%s::uuid[]) on conflict do nothing returning event_id::text",
        (consumer, sorted(ids)),
    )
    return {row[0] for row in rows}


def forget_old(session: Session, limit: int = 10_000) -> int:
    """Drop marks older than KEPT_DAYS, at most `limit` at once. How many were dropped."""
    return session.run(
        "delete from processed_events where (consumer, event_id) in "
        "(select consumer, event_id from processed_events where processed_at < clock_timestamp() - %s * interval '1 day' limit %s)",
        (KEPT_DAYS, limit),
    )
