"""Keeping what arrives: bytes go into the object store first, then the row says so. Whatever dies between, the row is true.

Whole parts are kept as such. Behind the last whole part lies a tail: an object of its own, under a name that says how far it reaches, so that
what the row says is always there, whoever wrote beside. A writer that was taken over notices at its next step and stops.
"""

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import Protocol

from services.contracts.errors import UploadTaken
from services.kernel import failpoints
from services.products.media.objects import ObjectStore, read_all
from services.products.media.records import Records
from services.products.media.rules import Record

# Unfinished digests remembered, some 300 bytes each: an upload that comes in pieces needs no second reading if its pieces come to this process.
REMEMBERED_DIGESTS = 1_000


class Digest(Protocol):
    """What hashlib makes."""

    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...

    def copy(self) -> "Digest": ...


class Digests:
    """SHA-256 of what has come of each upload, as far as this process has seen all of it."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int, int], Digest] = OrderedDict()
        self._lock = Lock()

    def begin(self, record: Record) -> Digest | None:
        """Of the bytes so far; None where another process has seen them. The epoch sets apart what two writers saw."""
        if record.stored == 0:
            return hashlib.sha256()
        with self._lock:
            found = self._known.get((record.id, record.stored, record.epoch))
        return found.copy() if found else None

    def keep(self, media_id: str, stored: int, epoch: int, digest: Digest | None) -> None:
        if digest is None:
            return
        with self._lock:
            self._known[media_id, stored, epoch] = digest
            while len(self._known) > REMEMBERED_DIGESTS:
                self._known.popitem(last=False)


class Writer:
    """Adds to one upload from where it stands. epoch: taken. held_back: nothing counts before `close` is called."""

    def __init__(self, records: Records, store: ObjectStore, record: Record, epoch: int, held_back: bool, digest: Digest | None) -> None:
        assert record.part_size is not None
        assert record.upload_id is not None
        self._records, self._store, self._record, self._epoch = records, store, record, epoch
        self._upload_id, self._part_size = record.upload_id, record.part_size
        self._held_back = held_back
        self.digest = digest
        # Where the part begins that is being filled.
        self._base = record.stored - record.stored % self._part_size
        self._buffer = bytearray(self._tail())
        self._stored = record.stored
        self._pending: dict[int, str] = {}

    @property
    def offset(self) -> int:
        """Of the next byte."""
        return self._base + len(self._buffer)

    def head(self, most: int) -> bytes:
        """The beginning of what lies in memory."""
        return bytes(self._buffer[:most])

    def write(self, piece: bytes) -> None:
        """Raises UploadTaken, Unavailable, NoSuchUpload."""
        if self.digest is not None:
            self.digest.update(piece)
        self._buffer += piece
        while len(self._buffer) >= self._part_size:
            self._keep_part(bytes(memoryview(self._buffer)[: self._part_size]))

    def close(self) -> int:
        """Keep what lies in memory, and count it. Returns how many bytes are kept. Raises as `write` does."""
        if self._buffer and self.offset == self._record.size:
            self._keep_part(bytes(self._buffer))
        offset = self.offset
        if offset > self._stored:
            if self._buffer:
                self._store.put_object(self._record.tail_key(offset), bytes(self._buffer), "application/octet-stream")
                failpoints.reach("media.after_tail")
            self._count(offset)
        return self._stored

    def _tail(self) -> bytes:
        """What lies behind the last whole part."""
        length = self._record.stored - self._base
        return read_all(self._store, self._record.tail_key(self._record.stored), 0, length) if length else b""

    def _keep_part(self, data: bytes) -> None:
        number = self._base // self._part_size + 1
        self._pending[number] = self._store.upload_part(self._record.key, self._upload_id, number, data)
        failpoints.reach("media.after_part")
        del self._buffer[: len(data)]
        self._base += len(data)
        if not self._held_back:
            self._count(self._base)

    def _count(self, stored: int) -> None:
        """What is kept in the store counts from here on."""
        before = self._stored
        if not self._records.advance(self._record.id, self._epoch, stored, self._pending):
            raise UploadTaken()
        self._pending, self._stored = {}, stored
        if before % self._part_size:
            self._store.delete_object(self._record.tail_key(before))
