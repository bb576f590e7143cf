"""Where bytes are kept: an interface in the shape of S3, as much of it as media needs. `gridfs` and `s3` are it.

A multipart upload takes parts under numbers from 1, in any order and again; each is kept before its call returns, and all but the last have
`part_size` bytes. Completing names each part with the tag that it was given, and fails where another has taken a part's place since.
"""

from collections.abc import Iterator, Mapping
from typing import Protocol

from services.contracts.errors import LiveDropsError

# What a download is handed on in: small enough that a slow reader holds little, large enough not to be felt.
PIECE_BYTES = 256 * 1024


class NoSuchKey(LiveDropsError):
    """There is no object under this key."""


class NoSuchUpload(LiveDropsError):
    """The multipart upload was completed or aborted."""


class InvalidPart(LiveDropsError):
    """A part is missing or is not the one that was named."""


class ObjectStore(Protocol):
    """Every method may be repeated. All raise Unavailable where the store can't be reached."""

    part_size: int

    def put_object(self, key: str, data: bytes, content_type: str) -> None:
        """Keep a small object, in the place of one that was there."""

    def head_object(self, key: str) -> int:
        """Its size. Raises NoSuchKey."""

    def get_object(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Its bytes from start up to end (exclusive) in pieces of at most PIECE_BYTES. Raises NoSuchKey, at once."""

    def delete_object(self, key: str) -> None:
        """Nothing under the key is no error."""

    def list_objects(self, prefix: str) -> list[str]:
        """Keys that begin so, at most a thousand."""

    def create_multipart_upload(self, key: str, content_type: str) -> str:
        """Begin one. Returns its id."""

    def upload_part(self, key: str, upload_id: str, number: int, data: bytes) -> str:
        """Keep a part, in the place of one of that number. Returns its tag. Raises NoSuchUpload."""

    def list_parts(self, key: str, upload_id: str) -> dict[int, str]:
        """Tags by number. Raises NoSuchUpload."""

    def complete_multipart_upload(self, key: str, upload_id: str, parts: Mapping[int, str]) -> None:
        """Make the parts, named by number and tag, the object. Raises NoSuchUpload, InvalidPart."""

    def abort_multipart_upload(self, key: str, upload_id: str) -> None:
        """Forget it and its parts. One that there is not is no error."""

    def check(self) -> None:
        """Raises Unavailable."""

    def close(self) -> None:
        """Let go of connections."""


def read_all(store: ObjectStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    """The bytes of a small object, or a small part of a large one. Raises NoSuchKey."""
    return b"".join(store.get_object(key, start, end))


def delete_objects(store: ObjectStore, prefix: str) -> None:
    while keys := store.list_objects(prefix):
        for key in keys:
            store.delete_object(key)
