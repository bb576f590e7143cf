"""How a context describes the queries that it puts to MongoDB: one `comment` for each kind, which also shows in MongoDB's log and profiler."""

from dataclasses import dataclass
from enum import StrEnum


class Reach(StrEnum):
    """ONE_SHARD: the filter fixes the shard key, for an insert the document does.

    SHARDS_OF_KEYS: a list of shard keys; as many shards as they lie on. CREATOR: the range of one creator's list, on the shards that hold it.
    EVERY_SHARD: a scan, or a look-up by something else than the shard key. UNSHARDED: a collection that is not sharded.
    """

    ONE_SHARD = "one shard"
    SHARDS_OF_KEYS = "shards of its keys"
    CREATOR = "shards of one creator's list"
    EVERY_SHARD = "every shard"
    UNSHARDED = "not sharded"


@dataclass(frozen=True)
class Query:
    """collection, the fields of the filter (of the document, for an insert that claims a shard), and the reach."""

    collection: str
    filter: tuple[str, ...]
    reach: Reach
