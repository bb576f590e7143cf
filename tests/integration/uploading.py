"""Files, and how they are uploaded, for tests: over tus with nothing hidden, so that a connection can be cut anywhere."""

import base64
import hashlib
import io
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from PIL import Image

from tests.conftest import Person, eventually

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = "application/offset+octet-stream"
# The beginning of an MP4 file: a box that says which kind it is. Behind it anything may come.
MP4_HEAD = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"


def video(size: int) -> bytes:
    """What passes for a video, each of them another."""
    return MP4_HEAD + os.urandom(size - len(MP4_HEAD))


def image(width: int = 300, height: int = 200, kind: str = "PNG", **options: Any) -> bytes:
    """An image of many colours, each of them another."""
    made = Image.effect_noise((width, height), 40 + os.urandom(1)[0] / 10).convert("RGB")
    return saved(made, kind, **options)


def saved(made: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    made.save(buffer, kind, **options)
    return buffer.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def metadata(**pairs: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def media_id_of(url: str) -> str:
    return url.rpartition("/")[2]


@dataclass
class Uploader:
    """One creator's uploads over tus."""

    address: str
    who: Person

    def is_served(self) -> bool:
        """Whether the ingress has found the unit, which may just have been started anew."""
        return requests.options(f"{self.address}/media/uploads", timeout=10).status_code == 204

    def create(self, size: int, kind: str = "video/mp4", filename: str = "a file", **headers: str) -> requests.Response:
        told = {"Upload-Length": str(size), "Upload-Metadata": metadata(filename=filename, filetype=kind)}
        return self.who.http.post(f"{self.address}/media/uploads", headers={**TUS, **told, **headers}, timeout=15)

    def begin(self, size: int, kind: str = "video/mp4", filename: str = "a file") -> str:
        """The address of a new upload."""
        answer = self.create(size, kind, filename)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["Location"])

    def patch(self, url: str, offset: int, data: Any, **headers: str) -> requests.Response:
        told = {"Content-Type": BYTES, "Upload-Offset": str(offset)}
        return self.who.http.patch(url, data=data, headers={**TUS, **told, **headers}, timeout=60)

    def head(self, url: str) -> requests.Response:
        return self.who.http.head(url, headers=TUS, timeout=15)

    def offset(self, url: str) -> int:
        answer = self.head(url)
        assert answer.status_code == 200, answer.headers
        return int(answer.headers["Upload-Offset"])

    def end(self, url: str) -> requests.Response:
        return self.who.http.delete(url, headers=TUS, timeout=15)

    def finish(self, url: str, data: bytes) -> None:
        """Send what is missing, as a client does that has lost its connection: what that still held may come in meanwhile."""
        for _ in range(5):
            offset = self.offset(url)
            answer = self.patch(url, offset, data[offset:])
            if answer.status_code == 204:
                return
            assert answer.status_code in (409, 423), answer.text
        raise AssertionError("the upload does not go on")

    def upload(self, data: bytes, kind: str = "video/mp4", filename: str = "a file") -> str:
        """The id of a file that is ready."""
        url = self.begin(len(data), kind, filename)
        answer = self.patch(url, 0, data)
        assert answer.status_code == 204, answer.text
        return media_id_of(url)

    def refusal(self, data: bytes, kind: str = "application/octet-stream") -> tuple[int, str]:
        """With which status, and for which reason, a file is rejected."""
        url = self.begin(len(data), kind)
        answer = self.patch(url, 0, data)
        assert "reason" in answer.json(), answer.text
        return answer.status_code, answer.json()["reason"]

    def download(self, media_id: str, **headers: str) -> requests.Response:
        return requests.get(f"{self.address}/media/{media_id}", headers=headers, timeout=60)

    def open(self, url: str, offset: int, announced: int) -> "Line":
        """A connection on which a PATCH has begun."""
        return Line(url, self.who.token, offset, announced)


class Line:
    """A connection that can be cut in the middle of a PATCH."""

    def __init__(self, url: str, token: str, offset: int, announced: int) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._socket = socket.create_connection((parts.hostname, parts.port or 80), timeout=30)
        lines = (
            f"PATCH {parts.path} HTTP/1.1",
            f"Host: {parts.netloc}",
            f"Authorization: Bearer {token}",
            "Tus-Resumable: 1.0.0",
            f"Upload-Offset: {offset}",
            f"Content-Type: {BYTES}",
            f"Content-Length: {announced}",
        )
        self._socket.sendall("\r\n".join((*lines, "", "")).encode())

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def status(self) -> int:
        """Of the answer, once it comes."""
        return int(self._socket.recv(4096).split(b" ", 2)[1])

    def cut(self, rudely: bool = False) -> None:
        """rudely: with a reset, by which what is still under way may be lost."""
        if rudely:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


def wait_kept(sql: Callable[..., list[tuple[Any, ...]]], media_id: str, beyond: int) -> None:
    """Until the unit has kept what came before a cut. Who asks before takes the upload over, and what is on its way is lost to both."""
    eventually(lambda: sql("select 1 from media where id = %s and not writing and stored > %s", media_id, beyond))
