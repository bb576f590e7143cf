"""Tidying up: uploads that nobody goes on with, files that were rejected, and files that are whole but whose judge died. One at a time, in steps."""

import logging
import threading

from services.contracts.errors import LiveDropsError
from services.kernel.leases import Lease
from services.kernel.metrics import Metrics
from services.products.media.objects import ObjectStore, delete_objects
from services.products.media.records import Due, Records
from services.products.media.rules import Reason
from services.products.media.settling import Settler, purge

log = logging.getLogger("livedrops.media")
# Files in one step: a gigabyte each is deleted in a second or so.
AT_ONCE = 20
PAUSE_AFTER_FAILURE_S = 5.0


class Cleaner:
    """Every step may be repeated and may run beside another: the lease only saves work, the records' epochs decide."""

    def __init__(self, records: Records, store: ObjectStore, settler: Settler, lease: Lease, metrics: Metrics, every_s: float) -> None:
        self._records, self._store, self._settler, self._lease, self._metrics = records, store, settler, lease, metrics
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="media-cleaner", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                pause_s = self.round()
            except Exception:  # its stores may be away: it outlives them
                log.exception("cleaning failed")
                self._metrics.count("media.cleaner.failed_rounds")
                pause_s = PAUSE_AFTER_FAILURE_S
            self._stopping.wait(pause_s)

    def round(self) -> float:
        """Do what is due, a bounded part of it. Returns the seconds to pause."""
        if not self._lease.acquire():
            return self._every_s
        due = self._records.due(AT_ONCE)
        failed = 0
        for one in due:
            try:
                self._do(one)
            except LiveDropsError as error:
                failed += 1
                log.warning(
                    "a file could not be tidied up; it is tried again", extra={"media_id": one.id, "what": one.what, "error": error.code}
                )
        # A full step is followed by the next at once, unless it got nowhere.
        return 0.0 if len(due) == AT_ONCE and failed < len(due) else self._every_s

    def _do(self, due: Due) -> None:
        found = self._records.find(due.id)
        if found is None:
            return
        record, _ = found
        self._metrics.count(f"media.cleaner.{due.what}")
        if due.what == "settle":
            self._settler.settle(record)
        elif due.what == "expire":
            if self._records.expire(record.id, record.epoch, Reason.EXPIRED):
                purge(self._records, self._store, record)
        elif due.what == "purge":
            purge(self._records, self._store, record)
        else:
            delete_objects(self._store, record.prefix)  # what a writer that learned late has left
            self._records.forget(record.id)
