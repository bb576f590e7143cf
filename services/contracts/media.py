"""Media: the payloads of the products service that are about uploaded files."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from .values import ContentType, FileName, FileSize, Instant, MediaId, Sha256, UserId

MediaIds = Annotated[list[MediaId], Meta(min_length=1, max_length=100)]


class MediaState(StrEnum):
    """What has become of an upload."""

    UPLOADING = "UPLOADING"
    READY = "READY"
    REJECTED = "REJECTED"


class NewUpload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that is to come. content_type: as its owner says. sha256: verified once all is there, where it is given."""

    filename: FileName
    content_type: ContentType
    size: FileSize
    sha256: Sha256 | None = None


class Upload(msgspec.Struct, frozen=True):
    """An upload as it stands. upload_url: where its bytes go, by tus 1.0. reason: why it was rejected, as a code."""

    media_id: MediaId
    creator_id: UserId
    upload_url: str
    size: int
    offset: int
    state: MediaState
    reason: str | None
    expires_at: Instant


class Thumbnail(msgspec.Struct, frozen=True):
    """A smaller picture of an image: at url, width by height pixels."""

    name: str
    width: int
    height: int
    url: str


class MediaFile(msgspec.Struct, frozen=True):
    """An uploaded file that is ready. It never changes. content_type: as its bytes say. width, height: of images, as they are shown."""

    id: MediaId
    creator_id: UserId
    filename: str
    content_type: str
    size: int
    sha256: Sha256
    url: str
    created_at: Instant
    width: int | None = None
    height: int | None = None
    thumbnails: list[Thumbnail] = []
