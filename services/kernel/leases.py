"""A lease: one process at a time does a job, and one that was paused past its lease can change nothing.

Each take-over raises the lease's epoch. The holder puts `fence` into every transaction of the job; a paused old leader
that wakes up finds another epoch there, and its transaction ends before it wrote. Time is the database's alone.
See Kleppmann, "How to do distributed locking", on fencing tokens.
"""

import os
import socket
import time
import uuid

from services.contracts.errors import Conflict
from services.kernel.postgres import Postgres, Session

# Taken over this long after its holder's last word; a holder renews at a third of it.
LEASE_S = 3.0

SCHEMA = """
create table if not exists leases (
    name text primary key,
    holder text not null,
    epoch bigint not null,
    expires_at timestamptz not null
)
"""

_ACQUIRE = """
insert into leases as l (name, holder, epoch, expires_at) values (%(name)s, %(holder)s, 1, clock_timestamp() + %(life)s * interval '1 second')
on conflict (name) do update set
    epoch = case when l.holder = excluded.holder then l.epoch else l.epoch + 1 end,
    holder = excluded.holder,
    expires_at = excluded.expires_at
where l.holder = excluded.holder or l.expires_at < clock_timestamp()
returning epoch
"""


class LeaseLost(Conflict):
    """Another process holds the lease now."""


class Lease:
    """The right to do the job `name`, for one process."""

    def __init__(self, store: Postgres, name: str, life_s: float = LEASE_S) -> None:
        self._store = store
        self._name = name
        self._life_s = life_s
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.epoch: int | None = None
        self._renew_at = 0.0

    def hold(self) -> bool:
        """Take the lease, or keep it; asks the database three times in the lease's life. False while another process holds it."""
        if self.epoch is not None and time.monotonic() < self._renew_at:
            return True
        return self.acquire()

    def acquire(self) -> bool:
        """Take or renew the lease now. False while another process holds it."""
        self._renew_at = time.monotonic() + self._life_s / 3
        with self._store.session() as session:
            rows = session.rows(_ACQUIRE, {"name": self._name, "holder": self.holder, "life": self._life_s})
        self.epoch = rows[0][0] if rows else None
        return self.epoch is not None

    def fence(self, session: Session) -> None:
        """Inside a transaction of the job: raise LeaseLost unless this epoch still stands. It stands until the commit."""
        if not session.rows("select 1 from leases where name = %s and epoch = %s for share", (self._name, self.epoch)):
            raise LeaseLost(f"The lease {self._name} was taken over.")

    def release(self) -> None:
        """Give it up at once, so that the next need not wait."""
        if self.epoch is None:
            return
        with self._store.session() as session:
            session.run("update leases set expires_at = clock_timestamp() where name = %s and epoch = %s", (self._name, self.epoch))
        self.epoch = None
