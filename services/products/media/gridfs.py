"""Bytes in MongoDB, in GridFS's own format: any reader of GridFS can read what is finished.

The driver's own writer can't go on with a file that another process began, and its reader asks for 16 MB at a time for each of many slow
downloads; so chunks are written and read here. A part is a chunk: resuming an upload copies nothing.
https://github.com/mongodb/specifications/blob/master/source/gridfs/gridfs-spec.md
"""

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from bson.binary import Binary
from pymongo.errors import DuplicateKeyError

from services.contracts.errors import Internal
from services.kernel.mongo import Document, Mongo
from services.products.media.objects import PIECE_BYTES, InvalidPart, NoSuchKey, NoSuchUpload

# A chunk is a document, which may have 16 MB; this one costs a round trip every MiB, and an upload a few MiB of memory.
CHUNK_BYTES = 2**20
# Chunks deleted by one command: 64 MB stay well within its deadline.
DELETED_AT_ONCE = 64
LISTED = 1000
_PARTS_INDEX = [("files_id", 1), ("n", 1), ("tag", 1), ("size", 1)]
# The first two as GridFS's specification has them; the last says what parts there are without reading them.
_INDEXES: tuple[tuple[str, list[tuple[str, int]], bool], ...] = (
    ("fs.files", [("filename", 1), ("uploadDate", 1)], False),
    ("fs.chunks", [("files_id", 1), ("n", 1)], True),
    ("fs.chunks", _PARTS_INDEX, False),
)
# States of a multipart upload.
_OPEN, _CLOSING, _ABORTING = "OPEN", "CLOSING", "ABORTING"
# Between the key of a small object and what tells its versions apart, in the ids of their files.
_OF = "#"


class GridFS:
    """An ObjectStore. `fs.files` and `fs.chunks` are GridFS's; `fs.uploads` has the multipart uploads. A
    chunk has its tag and size beside its bytes.

    No transactions: one that its process dies in would keep its upload from everybody for a minute. Each step leaves something that can be
    repeated, and a chunk is held against its tag whenever it is read, so that nothing else can ever pass for it.
    """

    part_size = CHUNK_BYTES

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._files = mongo.collection("fs.files")
        self._chunks = mongo.collection("fs.chunks")
        self._uploads = mongo.collection("fs.uploads")

    def put_object(self, key: str, data: bytes, content_type: str) -> None:
        file_id = f"{key}{_OF}{uuid.uuid4().hex}"
        pieces = [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)]
        with self._mongo.errors():
            older = [found["_id"] for found in self._files.find({"filename": key}, {"_id": 1})]
            if pieces:
                self._chunks.insert_many([_chunk(file_id, number, piece) for number, piece in enumerate(pieces)])
            self._files.insert_one(_file(file_id, key, len(data), content_type, [_tag(piece) for piece in pieces]))
            for one in older:
                self._delete_file(one)

    def head_object(self, key: str) -> int:
        return int(self._file(key)["length"])

    def get_object(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        file = self._file(key)
        return self._pieces(file, start, file["length"] if end is None else min(end, file["length"]))

    def _file(self, key: str) -> Document:
        with self._mongo.errors():
            found = self._files.find_one({"filename": key}, sort=[("uploadDate", -1)])
        if found is None:
            raise NoSuchKey(key=key)
        return found

    def _pieces(self, file: Document, start: int, end: int) -> Iterator[bytes]:
        """A chunk a question: a cursor that a slow reader leaves open would be closed on him, and it reads ahead."""
        size = file["chunkSize"]
        while start < end:
            number, skip = divmod(start, size)
            data = self._whole_chunk(file, number)
            last = min(len(data), end - number * size)
            for at in range(skip, last, PIECE_BYTES):
                yield data[at : min(at + PIECE_BYTES, last)]
            start = (number + 1) * size

    def _whole_chunk(self, file: Document, number: int) -> bytes:
        with self._mongo.errors():
            chunk = self._chunks.find_one({"files_id": file["_id"], "n": number}, {"data": 1})
        if chunk is None:
            raise NoSuchKey("The file was deleted while it was read.", key=file["filename"])
        data: bytes = chunk["data"]
        if _tag(data) != file["metadata"]["tags"][number]:
            raise Internal("A chunk is not what was written.", key=file["filename"], number=number)
        return data

    def delete_object(self, key: str) -> None:
        with self._mongo.errors():
            for file in list(self._files.find({"filename": key}, {"_id": 1})):
                self._delete_file(file["_id"])
            for file_id in self._chunks.distinct("files_id", _beginning("files_id", f"{key}{_OF}")):
                self._delete_chunks(file_id)  # of one that was put by halves

    def list_objects(self, prefix: str) -> list[str]:
        with self._mongo.errors():
            found = self._files.find(_beginning("filename", prefix), {"filename": 1}).limit(LISTED)
            halves = self._chunks.distinct("files_id", _beginning("files_id", prefix))
            return sorted({file["filename"] for file in found} | {file_id.rpartition(_OF)[0] for file_id in halves})[:LISTED]

    def create_multipart_upload(self, key: str, content_type: str) -> str:
        upload_id = uuid.uuid4().hex
        with self._mongo.errors():
            self._uploads.insert_one({"_id": upload_id, "key": key, "content_type": content_type, "state": _OPEN})
        return upload_id

    def upload_part(self, key: str, upload_id: str, number: int, data: bytes) -> str:
        chunk = _chunk(upload_id, number - 1, data)
        with self._mongo.errors():
            self._require_open(upload_id)
            self._chunks.replace_one({"files_id": upload_id, "n": number - 1}, chunk, upsert=True)
            self._require_open(upload_id)
        return str(chunk["tag"])

    def list_parts(self, key: str, upload_id: str) -> dict[int, str]:
        with self._mongo.errors():
            self._require_open(upload_id)
            return {number: tag for number, (tag, _) in self._parts(upload_id).items()}

    def _parts(self, upload_id: str) -> dict[int, tuple[str, int]]:
        """Tag and size of each part, by its number; told by an index alone."""
        found = self._chunks.find({"files_id": upload_id}, {"_id": 0, "n": 1, "tag": 1, "size": 1}).hint(_PARTS_INDEX)
        return {chunk["n"] + 1: (chunk["tag"], chunk["size"]) for chunk in found}

    def _require_open(self, upload_id: str) -> None:
        if self._uploads.find_one({"_id": upload_id, "state": _OPEN}, {"_id": 1}) is None:
            raise NoSuchUpload(upload_id=upload_id)

    def complete_multipart_upload(self, key: str, upload_id: str, parts: Mapping[int, str]) -> None:
        with self._mongo.errors():
            # From here on no part is added. Who died behind this is followed by who does all of it again.
            change = {"$set": {"state": _CLOSING}}
            upload = self._uploads.find_one_and_update({"_id": upload_id, "state": {"$in": [_OPEN, _CLOSING]}}, change)
            if upload is None:
                raise NoSuchUpload(upload_id=upload_id)
            try:
                length = _length(self._parts(upload_id), parts)
            except InvalidPart:
                self._uploads.update_one({"_id": upload_id}, {"$set": {"state": _OPEN}})
                raise
            tags = [tag for _, tag in sorted(parts.items())]
            with suppress(DuplicateKeyError):
                self._files.insert_one(_file(upload_id, key, length, upload["content_type"], tags))
            self._chunks.delete_many({"files_id": upload_id, "n": {"$gte": len(parts)}})
            self._uploads.delete_one({"_id": upload_id})

    def abort_multipart_upload(self, key: str, upload_id: str) -> None:
        with self._mongo.errors():
            self._uploads.update_one({"_id": upload_id}, {"$set": {"state": _ABORTING}})
            if self._files.find_one({"_id": upload_id}, {"_id": 1}) is None:
                self._delete_chunks(upload_id)
            self._uploads.delete_one({"_id": upload_id})

    def _delete_file(self, file_id: str) -> None:
        """Its bytes first: whoever dies between leaves a file that is found again."""
        self._delete_chunks(file_id)
        self._files.delete_one({"_id": file_id})

    def _delete_chunks(self, file_id: str) -> None:
        while numbers := [chunk["n"] for chunk in self._chunks.find({"files_id": file_id}, {"n": 1, "_id": 0}).limit(DELETED_AT_ONCE)]:
            self._chunks.delete_many({"files_id": file_id, "n": {"$in": numbers}})

    def check(self) -> None:
        self._mongo.check()

    def close(self) -> None:
        self._mongo.close()


def bootstrap(mongo: Mongo) -> Iterator[str]:
    """Make the indexes, and where a mongos answers, spread the chunks by their file. Yields what was done."""
    database = mongo.database
    with mongo.errors():
        for name, keys, unique in _INDEXES:
            before = set(database[name].index_information())
            made = database[name].create_index(keys, unique=unique)
            if made not in before:
                yield f"made index {name}.{made}"
        if database.client.admin.command("hello").get("msg") == "isdbgrid":
            # Not hashed: the unique index has to begin with the shard key, and ids are random already.
            database.client.admin.command({"shardCollection": f"{database.name}.fs.chunks", "key": {"files_id": 1}})
            yield "sharded fs.chunks"


def _chunk(file_id: str, number: int, data: bytes) -> Document:
    return {"files_id": file_id, "n": number, "data": Binary(data), "tag": _tag(data), "size": len(data)}


def _tag(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _beginning(field: str, prefix: str) -> Document:
    """What the index on the field answers by itself. Keys are ASCII."""
    return {field: {"$gte": prefix, "$lt": f"{prefix}\x7f"}}


def _file(file_id: str, key: str, length: int, content_type: str, tags: list[str]) -> Document:
    return {
        "_id": file_id,
        "filename": key,
        "length": length,
        "chunkSize": CHUNK_BYTES,
        "uploadDate": datetime.now(UTC),
        "metadata": {"contentType": content_type, "tags": tags},
    }


def _length(kept: Mapping[int, tuple[str, int]], named: Mapping[int, str]) -> int:
    """Of all parts together. Raises InvalidPart where they are not the ones that are named, or leave a gap."""
    if sorted(named) != list(range(1, len(named) + 1)):
        raise InvalidPart("Parts are missing.")
    sizes = []
    for number, tag in sorted(named.items()):
        found, size = kept.get(number, (None, 0))
        if found != tag:
            raise InvalidPart("Another part has taken its place.", number=number)
        sizes.append(size)
    if any(size != CHUNK_BYTES for size in sizes[:-1]):
        raise InvalidPart("Only the last part may be short.")
    return sum(sizes)
