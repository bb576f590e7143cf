"""The relay of an outbox: one at a time under a lease, at least once, in no promised order.

Reads without row locks, publishes with confirms, then deletes, fenced by the lease's epoch: a paused relay that wakes up deletes nothing. The
outbox is a table of (its key, id, events); events is a JSON array of what one transaction tells.
"""

import time
from collections.abc import Callable

import msgspec

from services.contracts.events import Event
from services.kernel import failpoints
from services.kernel.leases import LEASE_S, Lease
from services.kernel.postgres import Postgres
from services.kernel.publisher import EventPublisher

# Rows of one round; each is a transaction's events, up to some hundred.
ROUND = 50
# Events must be heard within two seconds. Where some came a moment ago more will; where nothing happens, looking costs more than it brings.
PAUSE_S, QUIET_PAUSE_S = 0.1, 0.4
QUIET_AFTER_S = 10.0


class OutboxRelay:
    """key: the column by which the table is distributed. told: is given the keys of what was published, after it was deleted."""

    def __init__(
        self, postgres: Postgres, publisher: EventPublisher, lease: Lease, key: str, told: Callable[[set[str]], None] | None = None
    ) -> None:
        self._postgres = postgres
        self._publisher = publisher
        self._lease = lease
        self._told = told
        self._busy_until = 0.0
        self._read = f"select {key}::text, id::text, events from outbox order by id limit %s"
        self._delete = f"delete from outbox where ({key}, id) in (select * from unnest(%s::uuid[], %s::uuid[])); commit"

    def round(self) -> float:
        """Publish what waits. Returns the seconds to pause."""
        if not self._lease.hold():
            return LEASE_S / 3
        with self._postgres.session() as session:
            rows = session.rows(self._read, (ROUND,))
        if not rows:
            return PAUSE_S if time.monotonic() < self._busy_until else QUIET_PAUSE_S
        self._busy_until = time.monotonic() + QUIET_AFTER_S
        events = [event for row in rows for event in msgspec.json.decode(row[2], type=list[Event])]
        failpoints.reach("relay.before_publish")
        self._publisher.publish(events)
        failpoints.reach("relay.before_delete")
        self._forget([row[0] for row in rows], [row[1] for row in rows])
        if self._told:
            self._told({row[0] for row in rows})
        return 0.0

    def _forget(self, keys: list[str], ids: list[str]) -> None:
        with self._postgres.session() as session:
            session.run("begin")
            self._lease.fence(session)
            session.run(self._delete, (keys, ids))

    def close(self) -> None:
        self._lease.release()
        self._publisher.stop()
        self._postgres.close()
