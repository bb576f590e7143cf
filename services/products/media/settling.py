"""Judging a file that is there in whole: its checksum, its type by its bytes, its thumbnails. One process at a time; any may go on where one died."""

import hashlib
import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from services.contracts.media import MediaState
from services.kernel import failpoints
from services.kernel.metrics import Metrics
from services.products.media import rules
from services.products.media.objects import InvalidPart, NoSuchKey, NoSuchUpload, ObjectStore, delete_objects, read_all
from services.products.media.records import Records
from services.products.media.rules import SNIFFED_BYTES, Picture, Reason, Record
from services.products.media.thumbnails import ImageRefused, Studio

log = logging.getLogger("livedrops.media")
# A process that judges says so three times in this; past it another may go on.
LEASE_S = 9.0


class _Verdict(NamedTuple):
    content_type: str
    sha256: str
    size: tuple[int, int] | None = None
    thumbnails: tuple[Picture, ...] = ()


class _Rejected(Exception):
    def __init__(self, reason: Reason) -> None:
        self.reason = reason


class Settler:
    def __init__(self, records: Records, store: ObjectStore, studio: Studio, metrics: Metrics) -> None:
        self._records = records
        self._store = store
        self._studio = studio
        self._metrics = metrics

    def settle(self, record: Record, sha256: str | None = None) -> Record:
        """The file as it was judged, READY or REJECTED; as it is while another process is at it.

        sha256: of all bytes, where they have just been seen; otherwise they are read again. Raises Unavailable.
        """
        epoch = self._records.claim_settlement(record.id, LEASE_S)
        if epoch is not None:
            keep = _Heartbeat(lambda: self._records.keep_settlement(record.id, epoch, LEASE_S))
            try:
                self._settle(record, epoch, sha256, keep)
            except BaseException:
                self._records.keep_settlement(record.id, epoch, 0)  # the next may try at once
                raise
        found = self._records.find(record.id)
        return found[0] if found else record

    def _settle(self, record: Record, epoch: int, sha256: str | None, keep: "_Heartbeat") -> None:
        try:
            self._complete(record)
            failpoints.reach("media.after_complete")
            verdict = self._judge(record, sha256 or self._digest(record, keep), keep)
        except _Rejected as rejected:
            self._metrics.count(f"media.rejected.{rejected.reason.value}")
            if self._records.reject(record.id, epoch, rejected.reason):
                purge(self._records, self._store, record)
            return
        failpoints.reach("media.before_ready")
        self._records.make_ready(record, epoch, verdict.content_type, verdict.sha256, verdict.size, verdict.thumbnails)
        self._metrics.count("media.ready")
        delete_objects(self._store, record.tails)

    def _complete(self, record: Record) -> None:
        """Make the parts the object. Raises _Rejected where they are not what was written."""
        assert record.upload_id is not None
        try:
            self._store.complete_multipart_upload(record.key, record.upload_id, self._records.parts(record.id))
        except InvalidPart as error:
            raise _Rejected(Reason.DAMAGED) from error
        except NoSuchUpload as error:  # whoever was at it before us died behind this step
            try:
                size = self._store.head_object(record.key)
            except NoSuchKey:
                size = -1
            if size != record.size:
                raise _Rejected(Reason.DAMAGED) from error

    def _digest(self, record: Record, keep: "_Heartbeat") -> str:
        digest = hashlib.sha256()
        for piece in self._store.get_object(record.key):
            digest.update(piece)
            keep()
        return digest.hexdigest()

    def _judge(self, record: Record, sha256: str, keep: "_Heartbeat") -> _Verdict:
        if record.declared_sha256 not in (None, sha256):
            raise _Rejected(Reason.SHA256_MISMATCH)
        head = read_all(self._store, record.key, 0, min(SNIFFED_BYTES, record.size))
        reason = rules.verdict_on(head, record.size)
        if reason is not None:
            raise _Rejected(reason)
        content_type = rules.sniffed(head)
        assert content_type is not None
        if not rules.is_image(content_type):
            return _Verdict(content_type, sha256)
        return self._picture(record, content_type, sha256, keep)

    def _picture(self, record: Record, content_type: str, sha256: str, keep: "_Heartbeat") -> _Verdict:
        try:
            with self._metrics.timed("media.thumbnails"):
                made = self._studio.develop(self._store.get_object(record.key), content_type, keep)
        except ImageRefused as refused:
            log.info("an image was refused", extra={"media_id": record.id, "reason": refused.reason, "said": refused.said})
            raise _Rejected(refused.reason) from refused
        for picture, data in made.pictures:
            self._store.put_object(record.thumbnail_key(picture.name), data, made.content_type)
            keep()
        return _Verdict(content_type, sha256, (made.width, made.height), tuple(picture for picture, _ in made.pictures))


class _Heartbeat:
    """Calls `beat` now and then, however often it is called itself."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self._beat = beat
        self._next = time.monotonic() + LEASE_S / 3

    def __call__(self) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LEASE_S / 3
            self._beat()


def purge(records: Records, store: ObjectStore, record: Record) -> None:
    """Delete all bytes of a rejected file. Safe to repeat; what is left by a crash, or by a writer that learns late, the cleaner finds."""
    found = records.find(record.id)
    if found is None or found[0].state is not MediaState.REJECTED:
        return
    upload_id = found[0].upload_id  # as it is now that nobody can begin one any more
    if upload_id is not None:
        store.abort_multipart_upload(record.key, upload_id)
    delete_objects(store, record.prefix)
    records.purged(record.id)
