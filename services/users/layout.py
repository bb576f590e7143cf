"""What the users' database looks like: collections, shard keys, indexes, the shape of documents; and the bootstrap that makes it.

Met by a mongos, the bootstrap shards every collection; on a replica set it builds the same indexes, the hashed ones included,
so that the data can move into a sharded cluster as they are. Safe to repeat, and beside traffic.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pymongo.database import Database

from services.kernel.mongo import Document, Mongo

# Keys of an index, in order: 1, -1 or "hashed".
Keys = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Index:
    keys: Keys
    options: dict[str, Any] = field(default_factory=dict)


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


_HASHED_ID: Keys = (("_id", "hashed"),)
_HASHED_USER: Keys = (("user_id", "hashed"),)
_EXPIRES = Index((("expires_at", 1),), {"expireAfterSeconds": 0})

COLLECTIONS: tuple[Layout, ...] = (
    Layout(
        "users",
        _HASHED_ID,
        {
            "_id": "string",
            "name": "string",
            "email": "string",
            "roles": "array",
            "created_at": "date",
            "password_hash": "string",
            "display_name": "string",
            "bio": "string",
            "picture": "string",
            "version": "long",
        },
    ),
    # The normalised address is the _id: unique on every shard, because the shard follows from it.
    Layout("emails", _HASHED_ID, {"_id": "string", "user_id": "string"}),
    Layout(
        "sessions", _HASHED_USER, {"_id": "string", "user_id": "string", "current": "string", "expires_at": "date"}, indexes=(_EXPIRES,)
    ),
    # The follows themselves, the truth. _id is "user_id:creator_id": unique everywhere, because the shard follows from user_id.
    Layout(
        "follows",
        _HASHED_USER,
        {"_id": "string", "user_id": "string", "creator_id": "string", "active": "bool", "followed_at": "date", "version": "long"},
        indexes=(
            # Whom a person follows, newest first.
            Index((("user_id", 1), ("followed_at", -1), ("creator_id", -1)), {"partialFilterExpression": {"active": True}}),
            # A follow that ended is forgotten later: its last event has long been told.
            _EXPIRES,
        ),
    ),
    # Who follows a creator, derived from follows. A celebrity's list splits into ranges of followed_at over many shards.
    Layout(
        "followers",
        (("creator_id", "hashed"), ("followed_at", 1), ("user_id", 1)),
        {"_id": "string", "creator_id": "string", "user_id": "string", "followed_at": "date", "name": "string"},
        indexes=(Index((("creator_id", 1), ("name", 1), ("user_id", 1))),),
    ),
    # Derived, with followers, in the same transactions.
    Layout("counts", _HASHED_ID, {"_id": "string", "followers": "long", "following": "long"}),
)
# Beside them: leases and jobs (a document each for a whole mesh), migrations and loads. Too few to shard.


def bootstrap(mongo: Mongo) -> Iterator[str]:
    """Make what is missing. Yields what was done."""
    database = mongo.database
    with mongo.errors():
        present = set(database.list_collection_names())
        yield from _migrate(database)
        for layout in COLLECTIONS:
            if layout.name not in present:
                database.create_collection(layout.name)
                yield f"made collection {layout.name}"
            yield from _make_indexes(database, layout)
            _validate(database, layout)
        if is_sharded(database):
            for command in shard_commands(database.name):
                database.client.admin.command(command)
                yield f"sharded {command['shardCollection']}"


def is_sharded(database: Database[Document]) -> bool:
    """Whether a mongos answers."""
    return bool(database.client.admin.command("hello").get("msg") == "isdbgrid")


def shard_commands(database: str) -> list[Document]:
    """shardCollection for each collection. Repeating one with the same key does nothing."""
    return [{"shardCollection": f"{database}.{layout.name}", "key": dict(layout.shard_key)} for layout in COLLECTIONS]


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


def _migrate(database: Database[Document]) -> Iterator[str]:
    """Bring documents of earlier versions into today's shape, once each."""
    done = {document["_id"] for document in database["migrations"].find()}
    for name, migration in MIGRATIONS.items():
        if name not in done:
            migration(database)
            database["migrations"].update_one({"_id": name}, {"$currentDate": {"applied_at": True}}, upsert=True)
            yield f"applied {name}"


def _give_profiles(database: Database[Document]) -> None:
    """People who signed up before there were profiles."""
    without = {"version": {"$exists": False}}
    fresh = {"display_name": "$name", "bio": "", "picture": "", "version": {"$toLong": 1}}
    database["users"].update_many(without, [{"$set": fresh}])


MIGRATIONS = {"0001_profiles": _give_profiles}
