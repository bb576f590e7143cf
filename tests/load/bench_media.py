"""Upload and download one large file through the ingress, and watch the memory of the media unit: make bench-media

    python -m tests.load.bench_media [--mib 1024] [--keep]

Brings up the test stack. Prints what the processes of the unit hold before, at most during, and after each way, and how fast it was.
"""

import argparse
import hashlib
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pymongo
import requests

from gateway.tokens import Tokens
from services.contracts.users import Role, User
from stack import processes
from stack.api import Stack

MIB = 2**20
# The beginning of an MP4 file; behind it anything may come.
HEAD = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
TUS = {"Tus-Resumable": "1.0.0"}
WATCH_EVERY_S = 0.05


class Watch:
    """Resident memory of a unit's processes, each child included."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stopped = threading.Event()
        self.peak = self.before = self.now()

    def now(self) -> int:
        return processes.resident_bytes(processes.tree(self._pid))

    @contextmanager
    def watching(self) -> Iterator[None]:
        self.before = self.peak = self.now()
        self._stopped.clear()
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        yield
        self._stopped.set()
        thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(WATCH_EVERY_S):
            self.peak = max(self.peak, self.now())


class Source:
    """A file that is made as it is sent. digest: of all of it, once it was read."""

    def __init__(self, size: int) -> None:
        self._left, self._size = size, size
        self._block = os.urandom(MIB)
        self._first = True
        self.digest = hashlib.sha256()

    def __len__(self) -> int:
        return self._size

    def read(self, most: int = MIB) -> bytes:
        length = min(most, self._left, MIB)
        piece = self._block[:length]
        if self._first and length:
            piece, self._first = HEAD + piece[len(HEAD) :], False
        self._left -= length
        self.digest.update(piece)
        return piece


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--mib", type=int, default=1024, help="size of the file in MiB, at most 1024")
    parser.add_argument("--keep", action="store_true", help="leave the file in the store")
    options = parser.parse_args()
    stack = Stack.of_profile("test")
    stack.up(progress=print)
    client, address, watch = _creator(stack), stack.address("ingress"), Watch(stack.pid("media"))
    _wait_for(address)
    size = options.mib * MIB
    source = Source(size)
    begun = client.post(f"{address}/media/uploads", headers={**TUS, "Upload-Length": str(size)}, timeout=30)
    begun.raise_for_status()
    url = begun.headers["Location"]
    media_id = url.rpartition("/")[2]
    try:
        _upload(client, url, source, watch)
        _download(f"{address}/media/{media_id}", size, source.digest.hexdigest(), watch)
    finally:
        if not options.keep:
            _delete(stack, media_id)
    return 0


def _creator(stack: Stack) -> requests.Session:
    tokens = Tokens(stack.environment("gateway")["LIVEDROPS_JWT_KEY"], "livedrops", 7200)
    session = requests.Session()
    user = User(str(uuid.uuid4()), "Bench", "bench@example.org", [Role.CREATOR], datetime.now(UTC))
    session.headers["Authorization"] = f"Bearer {tokens.issue(user)}"
    return session


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 20
    while requests.options(f"{address}/media/uploads", timeout=5).status_code != 204:
        if time.monotonic() > deadline:
            sys.exit("the ingress does not find the media unit")
        time.sleep(0.1)


def _upload(client: requests.Session, url: str, source: Source, watch: Watch) -> None:
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    began = time.perf_counter()
    with watch.watching():
        answer = client.patch(url, data=source, headers=headers, timeout=600)
    _tell("upload", len(source), time.perf_counter() - began, watch)
    if answer.status_code != 204:
        sys.exit(f"the upload was answered {answer.status_code}: {answer.text}")


def _download(url: str, size: int, sha256: str, watch: Watch) -> None:
    digest, got = hashlib.sha256(), 0
    began = time.perf_counter()
    with watch.watching(), requests.get(url, stream=True, timeout=60) as answer:
        for piece in answer.iter_content(MIB):
            digest.update(piece)
            got += len(piece)
    _tell("download", size, time.perf_counter() - began, watch)
    if (got, digest.hexdigest(), answer.headers["ETag"]) != (size, sha256, f'"{sha256}"'):
        sys.exit("what came back is not what was sent")
    print("equal bytes; the ETag is their SHA-256")


def _tell(what: str, size: int, took_s: float, watch: Watch) -> None:
    before, peak, after = (count / MIB for count in (watch.before, watch.peak, watch.now()))
    print(f"{what}: {size // MIB} MiB in {took_s:.1f} s, {size / MIB / took_s:.0f} MiB/s; ", end="")
    print(f"memory of the media unit {before:.0f} MiB before, {peak:.0f} MiB at most, {after:.0f} MiB after")


def _delete(stack: Stack, media_id: str) -> None:
    """A gigabyte for a figure is enough once."""
    mongo: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(stack.environment("media")["LIVEDROPS_MEDIA_MONGO_URL"])
    with mongo:
        database = mongo["media"]
        for file in list(database["fs.files"].find({"filename": {"$regex": f"^{media_id}/"}})):
            database["fs.files"].delete_one({"_id": file["_id"]})
            while ids := [chunk["_id"] for chunk in database["fs.chunks"].find({"files_id": file["_id"]}, {"_id": 1}).limit(64)]:
                database["fs.chunks"].delete_many({"_id": {"$in": ids}})


if __name__ == "__main__":
    sys.exit(main())
