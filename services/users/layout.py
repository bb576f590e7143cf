"""What the users' database looks like: collections, shard keys, indexes, the shape of documents; and the bootstrap that makes it."""

from collections.abc import Iterator

from pymongo.database import Database

from services.kernel import mongo_layout
from services.kernel.mongo import Document, Mongo
from services.kernel.mongo_layout import EXPIRES, HASHED_ID, HASHED_USER, Index, Layout, Migration

COLLECTIONS: tuple[Layout, ...] = (
    Layout(
        "users",
        HASHED_ID,
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
    Layout("emails", HASHED_ID, {"_id": "string", "user_id": "string"}),
    Layout("sessions", HASHED_USER, {"_id": "string", "user_id": "string", "current": "string", "expires_at": "date"}, indexes=(EXPIRES,)),
    # The follows themselves, the truth. _id is "user_id:creator_id": unique everywhere, because the shard follows from user_id.
    Layout(
        "follows",
        HASHED_USER,
        {"_id": "string", "user_id": "string", "creator_id": "string", "active": "bool", "followed_at": "date", "version": "long"},
        indexes=(
            # Whom a person follows, newest first.
            Index((("user_id", 1), ("followed_at", -1), ("creator_id", -1)), {"partialFilterExpression": {"active": True}}),
            # A follow that ended is forgotten later: its last event has long been told.
            EXPIRES,
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
    Layout("counts", HASHED_ID, {"_id": "string", "followers": "long", "following": "long"}),
)
# Beside them: leases and jobs (a document each for a whole mesh), migrations and loads. Too few to shard.


def bootstrap(mongo: Mongo) -> Iterator[str]:
    """Make what is missing. Yields what was done."""
    return mongo_layout.make(mongo, COLLECTIONS, MIGRATIONS)


def _give_profiles(database: Database[Document]) -> None:
    """People who signed up before there were profiles."""
    without = {"version": {"$exists": False}}
    fresh = {"display_name": "$name", "bio": "", "picture": "", "version": {"$toLong": 1}}
    database["users"].update_many(without, [{"$set": fresh}])


MIGRATIONS: dict[str, Migration] = {"0001_profiles": _give_profiles}
