"""Uploads over tus 1.0: https://tus.io/protocols/resumable-upload

Core, creation, creation-with-upload, expiration, termination and checksum. What arrived before a connection broke is kept; HEAD says how much.
"""

import base64
import binascii
import time
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from services.contracts.errors import InvalidInput, TusVersionMismatch, TypeNotAllowed, UploadTooLarge
from services.contracts.media import NewUpload
from services.kernel import calls, ids
from services.products.media import rules
from services.products.media.rules import LARGEST_OF_ALL, UNKNOWN_TYPE, Record
from services.products.media.settings import MediaSettings
from services.products.media.uploads import Arrival, Checksum, Uploads

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,termination,checksum"
# By the names that tus and hashlib have in common. SHA-1 is the one that every client knows.
CHECKSUMS = ("sha1", "sha256", "md5")
PATCH_TYPE = "application/offset+octet-stream"
# Less than a connection that breaks may lose, and enough to be read in few steps.
READ_BYTES = 64 * 1024
# Who was overtaken may have fallen silent long ago.
OVERTAKEN = 423
# An image that is too large is mostly read; a video is not.
LISTENED_ON_BYTES, LISTENED_ON_S = 32 * 2**20, 5.0
# Metadata are a file's name and type; somebody who sends more means something else.
MAX_METADATA_CHARS = 4096
_HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"


def make_blueprint(uploads: Uploads, settings: MediaSettings) -> Blueprint:
    tus = Blueprint("tus", __name__, url_prefix="/media/uploads")
    tus.before_request(_check_version)
    tus.after_request(_sign)
    _add_routes(tus, uploads, settings.media_upload_url)
    return tus


def _add_routes(tus: Blueprint, uploads: Uploads, address: str) -> None:
    @tus.route("", methods=["OPTIONS"], provide_automatic_options=False)
    @tus.route("/<uuid:upload>", methods=["OPTIONS"], provide_automatic_options=False)
    def options(upload: object = None) -> Response:
        """What this server can do."""
        able = {"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": str(LARGEST_OF_ALL)}
        return Response(status=204, headers={**able, "Tus-Checksum-Algorithm": ",".join(CHECKSUMS)})

    @tus.post("")
    def create() -> Response:
        """Begin an upload; with a body, go on with it at once."""
        with_body = request.mimetype == PATCH_TYPE
        record = uploads.create(ids.new_id(), _announced(), calls.current())
        if with_body:
            record = uploads.receive(record.id, 0, _arrival(), calls.current())
        place = {"Location": f"{address}/{record.id}"}
        return Response(status=201, headers={**place, **(_progress(record) if with_body else _expiry(record))})

    @tus.route("/<uuid:upload>", methods=["HEAD"], provide_automatic_options=False)
    def stand(upload: object) -> Response:
        """Where to go on."""
        record = uploads.stand(str(upload), calls.current())
        told = {"Upload-Length": str(record.size), "Upload-Metadata": _metadata_of(record), "Cache-Control": "no-store"}
        return Response(status=200, headers={**_progress(record), **told})

    @tus.patch("/<uuid:upload>")
    def receive(upload: object) -> Response:
        """Go on. 204 with the new offset."""
        if request.mimetype != PATCH_TYPE:
            raise TypeNotAllowed(f"Send bytes as {PATCH_TYPE}.", field="Content-Type")
        offset = _number("Upload-Offset")
        return Response(status=204, headers=_progress(uploads.receive(str(upload), offset, _arrival(), calls.current())))

    @tus.delete("/<uuid:upload>")
    def end(upload: object) -> Response:
        """Forget the upload and its bytes."""
        uploads.end(str(upload), calls.current())
        return Response(status=204)


def _check_version() -> None:
    if request.method != "OPTIONS" and request.headers.get("Tus-Resumable") != VERSION:
        raise TusVersionMismatch(field="Tus-Resumable")


def _sign(response: Response) -> Response:
    if response.status_code >= 400 and response.status_code != OVERTAKEN:
        _listen_on()
    response.headers["Tus-Resumable"] = VERSION
    if response.status_code == 412:
        response.headers["Tus-Version"] = VERSION
    return response


def _listen_on() -> None:
    """To a client that is told no while it is still sending: it would find its connection broken, and not read why. For a while."""
    stream, left, until = request.environ["wsgi.input"], LISTENED_ON_BYTES, time.monotonic() + LISTENED_ON_S
    while left > 0 and time.monotonic() < until and (piece := stream.read(READ_BYTES)):
        left -= len(piece)


def _announced() -> NewUpload:
    """What the headers of a creation say. Raises InvalidInput, UploadTooLarge, TypeNotAllowed."""
    if "Upload-Defer-Length" in request.headers:
        raise InvalidInput("Say the size at once: Upload-Length.", field="Upload-Defer-Length")
    size = _number("Upload-Length")
    if size > LARGEST_OF_ALL:
        raise UploadTooLarge(field="Upload-Length")
    metadata = _metadata()
    fields: dict[str, Any] = {
        "filename": metadata.get("filename") or metadata.get("name") or "file",
        "content_type": metadata.get("filetype") or metadata.get("type") or UNKNOWN_TYPE,
        "size": size,
    }
    try:
        upload = msgspec.convert({**fields, **({"sha256": metadata["sha256"]} if "sha256" in metadata else {})}, NewUpload)
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error), field="Upload-Length" if "size" in str(error) else "Upload-Metadata") from error
    rules.check_announced(upload.content_type, upload.size)
    return upload


def _metadata() -> dict[str, str]:
    """Keys, each with a value in base64. Raises InvalidInput."""
    text = request.headers.get("Upload-Metadata", "")
    if len(text) > MAX_METADATA_CHARS:
        raise InvalidInput("That is more than is known of a file.", field="Upload-Metadata")
    found: dict[str, str] = {}
    for pair in filter(None, (pair.strip() for pair in text.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise InvalidInput("Each key must be followed by its value in base64.", field="Upload-Metadata") from error
    return found


def _metadata_of(record: Record) -> str:
    told = {"filename": record.filename, "filetype": record.declared_type}
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items())


def _arrival() -> Arrival:
    """The body, to be read piece by piece as it comes: Flask's own reader would raise where a connection breaks, and what came would be lost."""
    stream = request.environ["wsgi.input"]
    return Arrival(lambda: stream.read(READ_BYTES), request.content_length, _checksum())


def _checksum() -> Checksum | None:
    """Raises InvalidInput."""
    text = request.headers.get("Upload-Checksum")
    if text is None:
        return None
    algorithm, _, value = text.partition(" ")
    if algorithm not in CHECKSUMS:
        raise InvalidInput(f"Known are {', '.join(CHECKSUMS)}.", field="Upload-Checksum")
    try:
        return Checksum(algorithm, base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("The checksum must be in base64.", field="Upload-Checksum") from error


def _number(header: str) -> int:
    """Raises InvalidInput."""
    text = request.headers.get(header, "")
    # 15 digits are beyond any file, and below what breaks any reader.
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise InvalidInput(f"{header} must be a whole number.", field=header)
    return int(text)


def _progress(record: Record) -> dict[str, str]:
    return {"Upload-Offset": str(record.stored), **_expiry(record)}


def _expiry(record: Record) -> dict[str, str]:
    """An upload that is whole does not run out."""
    return {} if record.stored == record.size else {"Upload-Expires": record.expires_at.strftime(_HTTP_DATE)}
