"""What the notifications' database looks like: collections, shard keys, indexes, the shape of documents; and the bootstrap that makes it."""

from collections.abc import Iterator

from services.kernel import mongo_layout
from services.kernel.mongo import Mongo
from services.kernel.mongo_layout import EXPIRES, HASHED_ID, HASHED_USER, Index, Layout, Migration

COLLECTIONS: tuple[Layout, ...] = (
    # A person: the last number of their notes, how far all is read, and what they do not want. With expires_at: a tombstone.
    Layout(
        "people",
        HASHED_ID,
        {
            "_id": "string",
            "last": "long",
            "read_personal": "long",
            "read_broadcasts": "long",
            "muted": "array",
            "muted_creators": "array",
        },
        # Who muted somebody who is gone.
        indexes=(Index((("muted_creators", 1),)), EXPIRES),
    ),
    # Personal notes. _id is "user_id:event id": unique everywhere, because the shard follows from user_id.
    Layout(
        "notes",
        HASHED_USER,
        {"_id": "string", "user_id": "string", "number": "long", "read": "bool", "notice": "object", "expires_at": "date"},
        indexes=(Index((("user_id", 1), ("number", 1))), EXPIRES),
    ),
    # One document for all who follow a creator. _id is the event's id, which always has the same creator.
    Layout(
        "broadcasts",
        (("creator_id", "hashed"),),
        {"_id": "string", "creator_id": "string", "drop_id": "string", "number": "long", "notice": "object", "expires_at": "date"},
        indexes=(
            Index((("creator_id", 1), ("number", 1))),
            Index((("drop_id", 1), ("number", 1))),
            Index((("number", 1),)),
            EXPIRES,
        ),
    ),
    # Broadcasts that one person has read, beyond those up to which all is read. _id is "user_id:event id".
    Layout(
        "marks",
        HASHED_USER,
        {"_id": "string", "user_id": "string", "number": "long", "expires_at": "date"},
        indexes=(Index((("user_id", 1), ("number", 1))), EXPIRES),
    ),
    # _id is "user_id:drop_id".
    Layout(
        "reminders",
        HASHED_USER,
        {
            "_id": "string",
            "user_id": "string",
            "drop_id": "string",
            "creator_id": "string",
            "since": "date",
            "drop_version": "long",
            "expires_at": "date",
        },
        indexes=(
            Index((("user_id", 1),)),
            Index((("drop_id", 1), ("drop_version", 1))),
            # Those of a drop, newest first, for who tells them all.
            Index((("drop_id", 1), ("since", -1), ("user_id", -1))),
            EXPIRES,
        ),
    ),
    # Drops of which nothing more is told.
    Layout("cancelled", HASHED_ID, {"_id": "string", "expires_at": "date"}, indexes=(EXPIRES,)),
    # Where a person wants to be told who is away; _id is the person.
    Layout("endpoints", HASHED_ID, {"_id": "string", "endpoints": "array"}),
    # One for each notice that goes to an endpoint. _id is "event id_endpoint's id", which always has the same person.
    Layout(
        "deliveries",
        HASHED_USER,
        {"_id": "string", "user_id": "string", "state": "string", "claim": "string", "claimed_until": "date", "expires_at": "date"},
        indexes=(Index((("user_id", 1),)), EXPIRES),
    ),
    # A broadcast on its way to those who are away; _id is the event's id.
    Layout(
        "fan_outs",
        HASHED_ID,
        {
            "_id": "string",
            "drop_id": "string",
            "notice": "object",
            "audience": "string",
            "place_at": "date",
            "place_of": "string",
            "step": "long",
            "chunks": "long",
            "pending": "array",
            "planned": "bool",
            "people": "long",
            "begun_at": "date",
            "expires_at": "date",
        },
        indexes=(Index((("begun_at", -1),)), EXPIRES),
    ),
    # How far its chunks are. _id is "fan_out_id:number".
    Layout(
        "chunks",
        (("fan_out_id", "hashed"),),
        {
            "_id": "string",
            "fan_out_id": "string",
            "place_at": "date",
            "place_of": "string",
            "step": "long",
            "done": "bool",
            **dict.fromkeys(("looked_at", "delivered", "failed", "retried"), "long"),
            "expires_at": "date",
        },
        indexes=(EXPIRES,),
    ),
)
# Beside them: counters (one document, the last number of all broadcasts) and migrations. Too few to shard.
MIGRATIONS: dict[str, Migration] = {}


def bootstrap(mongo: Mongo) -> Iterator[str]:
    """Make what is missing. Yields what was done."""
    return mongo_layout.make(mongo, COLLECTIONS, MIGRATIONS)
