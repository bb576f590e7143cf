"""The rules of media: pure, over frozen values. What files are taken in, how large they may be, and what becomes of an upload."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import filetype

from services.contracts.errors import MediaRejected, TypeNotAllowed, UploadGone, UploadTooLarge
from services.contracts.media import MediaState

MIB = 2**20
# By the type of their bytes. No SVG and no HTML: both run scripts, in the name of whoever serves them.
LARGEST: dict[str, int] = {
    **dict.fromkeys(("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"), 20 * MIB),
    **dict.fromkeys(("video/mp4", "video/webm"), 1024 * MIB),
}
LARGEST_OF_ALL = max(LARGEST.values())
# A client that does not know says this; the bytes decide.
UNKNOWN_TYPE = "application/octet-stream"
# As many as the longest signature needs (filetype reads 8 KB).
SNIFFED_BYTES = 8192
# Widths of thumbnails in pixels: a list, a page on a telephone, a page on a desk.
THUMBNAIL_WIDTHS = (160, 480, 1280)
_UNSAFE = re.compile(r'[^\w.\- ()]|"', re.ASCII)


class Reason(StrEnum):
    """Why a file was rejected."""

    TYPE_NOT_ALLOWED = "TYPE_NOT_ALLOWED"
    TOO_LARGE = "TOO_LARGE"
    SHA256_MISMATCH = "SHA256_MISMATCH"
    BROKEN_IMAGE = "BROKEN_IMAGE"
    TOO_MANY_PIXELS = "TOO_MANY_PIXELS"
    TOO_MANY_FRAMES = "TOO_MANY_FRAMES"
    # What its store holds is not what was written: somebody else wrote there.
    DAMAGED = "DAMAGED"
    EXPIRED = "EXPIRED"
    TERMINATED = "TERMINATED"


SENTENCES: dict[Reason, str] = {
    Reason.TYPE_NOT_ALLOWED: "By its bytes, this is no file of a type that is taken in.",
    Reason.TOO_LARGE: "The file is larger than files of its type may be.",
    Reason.SHA256_MISMATCH: "The file has not the SHA-256 that was announced.",
    Reason.BROKEN_IMAGE: "The image can't be read.",
    Reason.TOO_MANY_PIXELS: "The image has more pixels than are taken in.",
    Reason.TOO_MANY_FRAMES: "The image has more frames than are taken in.",
    Reason.DAMAGED: "The file was damaged on its way. Upload it again.",
    Reason.EXPIRED: "The upload was left unfinished for too long.",
    Reason.TERMINATED: "The upload was ended.",
}


@dataclass(frozen=True)
class Picture:
    """A thumbnail as it is kept. name: the last part of its address."""

    name: str
    width: int
    height: int


@dataclass(frozen=True)
class Record:
    """What is known of one file. stored: bytes that are kept for certain. epoch: raised by whoever goes on with the upload, so that whoever
    went on before can write nothing more. part_size, upload_id: of the object store's multipart upload, once there is one."""

    id: str
    creator_id: str
    filename: str
    declared_type: str
    declared_sha256: str | None
    size: int
    stored: int
    state: MediaState
    reason: str | None
    epoch: int
    writing: bool
    part_size: int | None
    upload_id: str | None
    content_type: str | None
    sha256: str | None
    width: int | None
    height: int | None
    thumbnails: tuple[Picture, ...]
    expires_at: datetime
    created_at: datetime

    @property
    def is_whole(self) -> bool:
        """All bytes are there, and nobody has judged them yet."""
        return self.state is MediaState.UPLOADING and self.stored == self.size

    @property
    def key(self) -> str:
        """Of its object."""
        return f"{self.id}/original"

    @property
    def prefix(self) -> str:
        """Of all its objects."""
        return f"{self.id}/"

    def thumbnail_key(self, name: str) -> str:
        return f"{self.id}/thumbnails/{name}"

    @property
    def tails(self) -> str:
        """Prefix of the bytes behind its last whole part."""
        return f"{self.id}/tail/"

    def tail_key(self, offset: int) -> str:
        """Of those of them that there were when `offset` bytes had come. No two writers write different bytes under one of these names."""
        return f"{self.tails}{offset}"


def sniffed(head: bytes) -> str | None:
    """The type that a file's first SNIFFED_BYTES say, where it is one that is taken in."""
    kind = filetype.guess(head)
    return kind.mime if kind is not None and kind.mime in LARGEST else None


def is_image(content_type: str) -> bool:
    return content_type.startswith("image/")


def verdict_on(head: bytes, size: int) -> Reason | None:
    """Why a file of this beginning and size is not taken in; None where nothing speaks against it yet."""
    kind = sniffed(head)
    if kind is None:
        return Reason.TYPE_NOT_ALLOWED
    return Reason.TOO_LARGE if size > LARGEST[kind] else None


def check_announced(content_type: str, size: int) -> None:
    """What can be said before a byte has come. Raises TypeNotAllowed, UploadTooLarge."""
    if content_type != UNKNOWN_TYPE and content_type not in LARGEST:
        raise TypeNotAllowed(f"Taken in are {', '.join(LARGEST)}.", field="content_type")
    largest = LARGEST.get(content_type, LARGEST_OF_ALL)
    if size > largest:
        raise UploadTooLarge(f"Files of this type may have {largest} bytes.", field="size")


def check_open(record: Record, now: datetime) -> None:
    """Raises MediaRejected, UploadGone where an upload can't go on."""
    if record.state is MediaState.REJECTED:
        raise refusal(record)
    if record.state is MediaState.UPLOADING and not record.is_whole and record.expires_at <= now:
        raise UploadGone(reason=Reason.EXPIRED.value)


def refusal(record: Record) -> MediaRejected | UploadGone:
    """What is told of an upload that came to nothing."""
    reason = Reason(record.reason or Reason.TERMINATED)
    kind = UploadGone if reason in (Reason.EXPIRED, Reason.TERMINATED) else MediaRejected
    return kind(SENTENCES[reason], reason=reason.value)


def ascii_name(filename: str) -> str:
    """A file's name for the readers of headers that know ASCII only, without what could end the quotes around it."""
    return _UNSAFE.sub("_", filename)
