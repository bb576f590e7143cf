"""MongoDB's log of changes, of which only so much is kept."""

import uuid
from typing import Any

from pymongo import MongoClient

from tests.conftest import eventually

# It holds a gigabyte.
FORGOTTEN_WITHIN_S = 180.0


def fill_oplog(client: "MongoClient[dict[str, Any]]") -> None:
    """Write until nothing of before is left in it. It is cut at a checkpoint, which `fsync` makes."""
    log = client["local"]["oplog.rs"]
    latest: Any = log.find_one(sort=[("$natural", -1)])
    scratch = client[f"scratch_{uuid.uuid4().hex}"]["garbage"]

    def is_forgotten() -> bool:
        scratch.insert_many([{"garbage": "x" * 1_000_000} for _ in range(20)])
        client.admin.command("fsync")
        oldest: Any = log.find_one(sort=[("$natural", 1)])
        return bool(oldest["ts"] > latest["ts"])

    eventually(is_forgotten, FORGOTTEN_WITHIN_S)
    client.drop_database(scratch.database.name)
