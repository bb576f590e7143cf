"""What a context's database in MongoDB looks like: collections, shard keys, indexes, the shape of documents; and the bootstrap that makes it.

Met by a mongos, the bootstrap shards every collection; on a replica set it builds the same indexes, the hashed ones included,
so that the data can move into a sharded cluster as they are. Safe to repeat, and beside traffic.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo.database import Database

from services.kernel.mongo import Document, Mongo

# Keys of an index, in order: 1, -1 or "hashed".
Keys = tuple[tuple[str, Any], ...]
# Brings documents of an earlier version into today's shape.
Migration = Callable[[Database[Document]], None]

HASHED_ID: Keys = (("_id", "hashed"),)
HASHED_USER: Keys = (("user_id", "hashed"),)


@dataclass(frozen=True)
class Index:
    keys: Keys
    options: dict[str, Any] = field(default_factory=dict)


# The store forgets a document at its expires_at; one without stays.
EXPIRES = Index((("expires_at", 1),), {"expireAfterSeconds": 0})


@dataclass(frozen=True)
class Layout:
    """One collection. shard_key: its index is made, too. fields: BSON types by name, the required ones; more fields may be there."""

    name: str
    shard_key: Keys
    fields: dict[str, Any]
    indexes: tuple[Index, ...] = ()

    def validator(self) -> Document:
        properties = {name: {"bsonType": kind} for name, kind in self.fields.items()}
        return {"$jsonSchema": {"bsonType": "object", "required": list(self.fields), "properties": properties}}


def make(mongo: Mongo, layouts: Sequence[Layout], migrations: Mapping[str, Migration]) -> Iterator[str]:
    """Make what is missing. Yields what was done."""
    database = mongo.database
    with mongo.errors():
        present = set(database.list_collection_names())
        yield from _migrate(database, migrations)
        for layout in layouts:
            if layout.name not in present:
                database.create_collection(layout.name)
                yield f"made collection {layout.name}"
            yield from _make_indexes(database, layout)
            _validate(database, layout)
        if is_sharded(database):
            for command in shard_commands(database.name, layouts):
                database.client.admin.command(command)
                yield f"sharded {command['shardCollection']}"


def is_sharded(database: Database[Document]) -> bool:
    """Whether a mongos answers."""
    return bool(database.client.admin.command("hello").get("msg") == "isdbgrid")


def shard_commands(database: str, layouts: Sequence[Layout]) -> list[Document]:
    """shardCollection for each collection. Repeating one with the same key does nothing."""
    return [{"shardCollection": f"{database}.{layout.name}", "key": dict(layout.shard_key)} for layout in layouts]


def _make_indexes(database: Database[Document], layout: Layout) -> Iterator[str]:
    collection = database[layout.name]
    before = set(collection.index_information())
    for index in (Index(layout.shard_key), *layout.indexes):
        name = collection.create_index(list(index.keys), **index.options)
        if name not in before:
            yield f"made index {layout.name}.{name}"


def _validate(database: Database[Document], layout: Layout) -> None:
    """The store refuses documents of another shape, whoever writes them."""
    database.command({"collMod": layout.name, "validator": layout.validator(), "validationLevel": "strict", "validationAction": "error"})


def _migrate(database: Database[Document], migrations: Mapping[str, Migration]) -> Iterator[str]:
    """Bring documents of earlier versions into today's shape, once each."""
    done = {document["_id"] for document in database["migrations"].find()}
    for name, migration in migrations.items():
        if name not in done:
            migration(database)
            database["migrations"].update_one({"_id": name}, {"$currentDate": {"applied_at": True}}, upsert=True)
            yield f"applied {name}"
