"""MongoDB: all collections of databases as of one moment, in files as mongodump writes them, so that mongorestore reads them, too.

Read in a snapshot session: everything is as of its first read, whatever is written meanwhile, and nothing is locked. The server keeps such a
moment for minSnapshotHistoryWindowInSeconds, five minutes by default; a larger store wants more: then the read fails, and says so.
https://www.mongodb.com/docs/manual/reference/read-concern-snapshot/
"""

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import bson
from bson import json_util
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from cli.backups.folder import DatabasePart
from cli.failures import CommandFailed

Document = dict[str, Any]
Client = MongoClient[Document]
SERVER_SELECTION_TIMEOUT_MS = 5_000
SILENCE_TIMEOUT_MS = 60_000
BATCH = 1_000
# Fast enough, and a third of the size.
GZIP_LEVEL = 1
_DATA, _METADATA = ".bson.gz", ".metadata.json.gz"
_RAW: "CodecOptions[RawBSONDocument]" = CodecOptions(document_class=RawBSONDocument)


@contextmanager
def client_of(url: str) -> Iterator[Client]:
    """Raises CommandFailed with what MongoDB says."""
    client: Client = MongoClient(
        url, serverSelectionTimeoutMS=SERVER_SELECTION_TIMEOUT_MS, socketTimeoutMS=SILENCE_TIMEOUT_MS, appname="livedrops backup"
    )
    try:
        with client:
            yield client
    except PyMongoError as error:
        raise CommandFailed("MONGO_FAILED", str(error)[:500]) from error


def back_up(url: str, databases: Sequence[str], folder: Path) -> list[DatabasePart]:
    """All of one server, as of one moment."""
    with client_of(url) as client:
        names = {name: sorted(client[name].list_collection_names(filter={"type": "collection"})) for name in databases}
        with client.start_session(snapshot=True) as session:
            return [
                _back_up(client[name], [one for one in found if not one.startswith("system.")], folder / name, session)
                for name, found in names.items()
            ]


def _back_up(database: Database[Document], names: list[str], folder: Path, session: ClientSession) -> DatabasePart:
    folder.mkdir(parents=True)
    documents = sum(_write(database[name], folder, session) for name in names)
    return DatabasePart(database.name, len(names), documents, sum(file.stat().st_size for file in folder.iterdir()))


def _write(collection: Collection[Document], folder: Path, session: ClientSession) -> int:
    """How many documents there are."""
    options = collection.options()
    metadata = {"options": options, "indexes": list(collection.list_indexes()), "collectionName": collection.name, "type": "collection"}
    with gzip.open(folder / f"{collection.name}{_METADATA}", "wt") as file:
        file.write(json_util.dumps(metadata))
    count = 0
    with gzip.open(folder / f"{collection.name}{_DATA}", "wb", GZIP_LEVEL) as file:
        # Its annotations say documents; what comes are the bytes of many.
        for batch in cast("Iterator[bytes]", collection.find_raw_batches({}, batch_size=BATCH, session=session)):
            file.write(batch)
            count += len(list(bson.decode_iter(batch, _RAW)))
    return count


def restore(url: str, database: str, folder: Path) -> int:
    """Into a database whose collections are empty. How many documents. Raises CommandFailed."""
    with client_of(url) as client:
        target = client.get_database(database, write_concern=WriteConcern("majority"))
        names = sorted(file.name.removesuffix(_DATA) for file in folder.glob(f"*{_DATA}"))
        if filled := [name for name in names if target[name].find_one({}, {"_id": 1})]:
            raise CommandFailed(
                "NOT_EMPTY", f"{database}.{filled[0]} is not empty: nothing is written over. Drop the database, or name another."
            )
        return sum(_read(target, name, folder) for name in names)


def _read(database: Database[Document], name: str, folder: Path) -> int:
    with gzip.open(folder / f"{name}{_METADATA}", "rt") as file:
        metadata: Document = json_util.loads(file.read())
    if name not in database.list_collection_names():
        database.create_collection(name, **metadata["options"])
    count = 0
    raw = database.get_collection(name, codec_options=_RAW)
    with gzip.open(folder / f"{name}{_DATA}", "rb") as file:
        for batch in _batches(bson.decode_file_iter(cast("IO[bytes]", file), _RAW)):
            raw.insert_many(batch, ordered=False)
            count += len(batch)
    indexes = [index for index in metadata["indexes"] if index["name"] != "_id_"]
    if indexes:
        database.command("createIndexes", name, indexes=indexes)
    return count


def _batches(documents: Iterator[RawBSONDocument]) -> Iterator[list[RawBSONDocument]]:
    batch: list[RawBSONDocument] = []
    for document in documents:
        batch.append(document)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
