"""Downloads: what is under an address never changes, so a cache may keep it for ever. Werkzeug does conditions and ranges."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from flask import Blueprint, Response, request
from werkzeug.http import parse_range_header

from services.contracts.errors import NotFound
from services.products.media.objects import ObjectStore
from services.products.media.records import Records
from services.products.media.rules import Record, ascii_name
from services.products.media.thumbnails import THUMBNAIL_TYPE

# A year, which is as good as for ever (RFC 9111 names no longer one).
CACHE_CONTROL = "public, max-age=31536000, immutable"
# A file that is opened as a page runs nothing and asks for nothing.
CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'; sandbox"


class _Sent(NamedTuple):
    """One object as it is sent."""

    key: str
    size: int
    content_type: str
    etag: str
    filename: str


def make_blueprint(records: Records, store: ObjectStore) -> Blueprint:
    downloads = Blueprint("downloads", __name__, url_prefix="/media")

    @downloads.get("/<uuid:media>")
    def download(media: object) -> Response:
        """A file as it was uploaded."""
        record = _ready(records, str(media))
        assert record.content_type is not None
        return _answer(store, _Sent(record.key, record.size, record.content_type, f"{record.sha256}", record.filename))

    @downloads.get("/<uuid:media>/<name>")
    def thumbnail(media: object, name: str) -> Response:
        """A smaller picture of it."""
        record = _ready(records, str(media))
        if name not in {picture.name for picture in record.thumbnails}:
            raise NotFound("There is no such thumbnail.")
        key = record.thumbnail_key(name)
        # They are made once; so the file's digest and the name tell them apart.
        return _answer(store, _Sent(key, store.head_object(key), THUMBNAIL_TYPE, f"{record.sha256}-{name}", name))

    return downloads


def _ready(records: Records, media_id: str) -> Record:
    found = records.ready([media_id])
    if media_id not in found:
        raise NotFound("There is no such file.")
    return found[media_id]


def _answer(store: ObjectStore, sent: _Sent) -> Response:
    """Raises RequestedRangeNotSatisfiable."""
    _mend_range(sent)
    response = Response(_Body(store, sent.key, sent.size), direct_passthrough=True, content_type=sent.content_type)
    headers = response.headers
    headers["Content-Length"] = str(sent.size)
    headers["Cache-Control"] = CACHE_CONTROL
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    # RFC 6266: the plain name for old readers, the true one for the others.
    headers["Content-Disposition"] = f"inline; filename=\"{ascii_name(sent.filename)}\"; filename*=UTF-8''{quote(sent.filename, safe='')}"
    response.set_etag(sent.etag)
    response.make_conditional(request, accept_ranges=True, complete_length=sent.size)
    return response


def _mend_range(sent: _Sent) -> None:
    """RFC 9110: a server may ignore a Range (14.2), must one of a unit that it does not know, and one of what the client has already (13.2.2).

    Several ranges at once are not sent: the whole file is a right answer, too. More last bytes than there are, are all (14.1.2).
    """
    environ = request.environ
    ranges = parse_range_header(environ.get("HTTP_RANGE"))
    if ranges is None or ranges.units != "bytes" or len(ranges.ranges) > 1 or request.if_none_match.contains_weak(sent.etag):
        environ.pop("HTTP_RANGE", None)
    elif -ranges.ranges[0][0] > sent.size:
        environ["HTTP_RANGE"] = "bytes=0-"


class _Body:
    """The bytes of an object, asked for when they are sent. Werkzeug seeks to where a range begins, and stops where it ends."""

    def __init__(self, store: ObjectStore, key: str, size: int) -> None:
        self._store, self._key, self._size = store, key, size
        self._at = 0
        self._pieces: Iterator[bytes] | None = None

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int) -> None:
        self._at, self._pieces = offset, None

    def tell(self) -> int:
        return self._at

    def __iter__(self) -> "_Body":
        return self

    def __next__(self) -> bytes:
        if self._pieces is None:
            self._pieces = self._store.get_object(self._key, self._at, self._size)
        piece = next(self._pieces)
        self._at += len(piece)
        return piece

    def close(self) -> None:
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
