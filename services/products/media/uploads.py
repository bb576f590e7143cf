"""What can be done with an upload: announce it, ask how far it is, go on with it, end it. By its owner, one writer at a time."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from services.contracts.errors import ChecksumMismatch, Conflict, NotFound, OffsetMismatch, UploadTaken, UploadTooLarge
from services.contracts.media import MediaState, NewUpload
from services.kernel.calls import Call
from services.products.media import rules
from services.products.media.library import require_uploader
from services.products.media.objects import NoSuchKey, NoSuchUpload, ObjectStore
from services.products.media.records import Records
from services.products.media.rules import SNIFFED_BYTES, Reason, Record
from services.products.media.settling import Settler, purge
from services.products.media.writing import Digests, Writer

# A client that lost its connection comes back at once; whoever still holds what came before gets so long to keep it.
PATIENCE_S = 1.0
# What a broken connection still held may come in beside its successor, once for each connection before.
TRIES = 3
LOOK_EVERY_S = 0.05


class Checksum(NamedTuple):
    """Of one request's bytes. algorithm: hashlib's name."""

    algorithm: str
    digest: bytes


class Arrival(NamedTuple):
    """What a request brings. size: None where it does not say. read: the next piece, empty at the end or where the connection broke."""

    read: Callable[[], bytes]
    size: int | None
    checksum: Checksum | None = None

    def pieces(self) -> Iterator[bytes]:
        while piece := self.read():
            yield piece


@dataclass(frozen=True)
class Uploads:
    records: Records
    store: ObjectStore
    settler: Settler
    digests: Digests

    def create(self, media_id: str, upload: NewUpload, call: Call) -> Record:
        """Announce a file. Raises Unauthenticated, Forbidden, TypeNotAllowed, UploadTooLarge, RateLimited, Conflict."""
        creator = require_uploader(call)
        rules.check_announced(upload.content_type, upload.size)
        if not self.records.add(media_id, creator, upload):
            raise Conflict("There is another upload under this id.")
        return self._find(media_id, call)

    def stand(self, media_id: str, call: Call) -> Record:
        """How far an upload is, for certain: whoever was writing adds nothing more. A file that is whole and was not judged is judged now.

        Raises NotFound, Forbidden, UploadGone, MediaRejected.
        """
        record = self._settled(self._without_writer(media_id, call))
        if record.writing:
            self.records.interrupt(record)
        return record

    def receive(self, media_id: str, offset: int, arrival: Arrival, call: Call) -> Record:
        """Go on with an upload. Whatever arrives is kept, also where the connection breaks; bytes under a checksum only if they have it.

        Raises what `stand` does, OffsetMismatch, UploadTooLarge, ChecksumMismatch, UploadTaken.
        """
        record, epoch = self._taken(media_id, offset, arrival, call)
        if epoch is None:
            return record
        digest = self.digests.begin(record)
        try:
            writer = Writer(self.records, self.store, self._begun(record, epoch), epoch, arrival.checksum is not None, digest)
            self._take_in(writer, record, epoch, arrival)
        except (NoSuchUpload, NoSuchKey) as error:  # it was ended beside us
            raise UploadTaken() from error
        finally:
            self.records.rest(media_id, epoch)
        return self._settled(self._find(media_id, call), writer)

    def _taken(self, media_id: str, offset: int, arrival: Arrival, call: Call) -> tuple[Record, int | None]:
        """The upload, and the epoch under which it goes on; none where nothing is missing of it."""
        for _ in range(TRIES):
            record = self._settled(self._without_writer(media_id, call))
            if offset != record.stored:
                raise OffsetMismatch(offset=record.stored)
            if record.stored == record.size:
                return record, None
            if arrival.size is not None and arrival.size > record.size - offset:
                raise UploadTooLarge("More is sent than was announced.", size=record.size)
            epoch = self.records.take(record)
            if epoch is not None:
                return record, epoch
        raise UploadTaken()

    def end(self, media_id: str, call: Call) -> None:
        """Forget an upload and its bytes. Raises NotFound, Forbidden, UploadGone, MediaRejected, Conflict (it is ready)."""
        record = self._find(media_id, call)
        if record.state is MediaState.READY:
            raise Conflict("The file is ready: products may show it.")
        if not self.records.reject(media_id, record.epoch, Reason.TERMINATED):
            raise UploadTaken()
        purge(self.records, self.store, record)

    def _find(self, media_id: str, call: Call) -> Record:
        require_uploader(call)
        found = self.records.find(media_id)
        if found is None:
            raise NotFound("There is no such upload.")
        record, now = found
        call.require_person(record.creator_id)
        rules.check_open(record, now)
        return record

    def _without_writer(self, media_id: str, call: Call) -> Record:
        """Once nobody writes, or has written for too long to wait."""
        deadline = time.monotonic() + PATIENCE_S
        record = self._find(media_id, call)
        while record.writing and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
            record = self._find(media_id, call)
        return record

    def _begun(self, record: Record, epoch: int) -> Record:
        """With a place in the store. Raises UploadTaken."""
        if record.upload_id is not None:
            return record
        upload_id = self.store.create_multipart_upload(record.key, record.declared_type)
        if not self.records.begin_parts(record.id, epoch, upload_id, self.store.part_size):
            self.store.abort_multipart_upload(record.key, upload_id)
            raise UploadTaken()
        return replace(record, upload_id=upload_id, part_size=self.store.part_size)

    def _take_in(self, writer: Writer, record: Record, epoch: int, arrival: Arrival) -> None:
        check = hashlib.new(arrival.checksum.algorithm, usedforsecurity=False) if arrival.checksum else None
        is_new = record.stored < SNIFFED_BYTES
        for piece in arrival.pieces():
            if writer.offset + len(piece) > record.size:
                raise UploadTooLarge("More is sent than was announced.", size=record.size)
            if check is not None:
                check.update(piece)
            writer.write(piece)
            if is_new and writer.offset >= SNIFFED_BYTES:
                is_new = False
                self._refuse_early(writer, record, epoch)
        if check is not None and arrival.checksum is not None and check.digest() != arrival.checksum.digest:
            raise ChecksumMismatch()
        self.digests.keep(record.id, writer.close(), epoch, writer.digest)

    def _refuse_early(self, writer: Writer, record: Record, epoch: int) -> None:
        """Nobody need send a gigabyte to learn that its first bytes are wrong. Raises MediaRejected, UploadTaken."""
        reason = rules.verdict_on(writer.head(SNIFFED_BYTES), record.size)
        if reason is None:
            return
        if not self.records.reject(record.id, epoch, reason):
            raise UploadTaken()
        purge(self.records, self.store, record)
        raise rules.refusal(replace(record, reason=reason.value))

    def _settled(self, record: Record, writer: Writer | None = None) -> Record:
        """Judged, where all of it is there. Raises MediaRejected."""
        if not record.is_whole:
            return record
        digest = writer.digest if writer is not None and writer.offset == record.size else None
        settled = self.settler.settle(record, digest.hexdigest() if digest is not None else None)
        if settled.state is MediaState.REJECTED:
            raise rules.refusal(settled)
        return settled
