"""MongoDB: a replica set of one member, because transactions and change streams need a replica set."""

from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from stack.programs import Program
from stack.servers import Site

REPLICA_SET = "rs0"
_PROBE_TIMEOUT_MS = 500
# Other servers wait for their turn while this one is asked. What it was told to do goes on when we stop listening.
_ANSWER_TIMEOUT_MS = 1000
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
_NOT_YET_INITIALIZED = 94


class Mongo:
    name = "mongo"

    def __init__(self, site: Site) -> None:
        self._site = site
        self._port = site.ports["mongo"]
        self._data = site.instance.data / "mongo"

    def files(self) -> dict[Path, str]:
        return {}

    def programs(self) -> tuple[Program, ...]:
        # A cache of 256 MB is plenty for one machine; by default it would take half of the memory. The oplog holds a large upload or two, which
        # whoever follows the changes must be able to read past.
        command = (
            *(str(self._site.binaries["mongod"]), "--dbpath", str(self._data)),
            *("--bind_ip", "127.0.0.1", "--port", str(self._port), "--nounixsocket"),
            *("--replSet", REPLICA_SET, "--oplogSize", "1024", "--wiredTigerCacheSizeGB", "0.25"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        )
        return (Program("mongo", command, self._site.base, self._data),)

    def prepare(self) -> None:
        self._data.mkdir(mode=0o700, exist_ok=True)

    def is_ready(self) -> bool:
        """Ready is: it takes writes. Makes the replica set where there is none, and tells it its new port where that changed."""
        client: MongoClient[dict[str, Any]] = MongoClient(
            "127.0.0.1",
            self._port,
            directConnection=True,
            serverSelectionTimeoutMS=_PROBE_TIMEOUT_MS,
            connectTimeoutMS=_PROBE_TIMEOUT_MS,
            socketTimeoutMS=_ANSWER_TIMEOUT_MS,
        )
        try:
            with client:
                return self._is_primary(client)
        except PyMongoError:
            return False  # Not up yet, or in the middle of an election: the caller asks again.

    def _is_primary(self, client: MongoClient[dict[str, Any]]) -> bool:
        hello = client.admin.command("hello")
        if hello.get("isWritablePrimary"):
            return True
        wanted = f"127.0.0.1:{self._port}"
        try:
            config = client.admin.command("replSetGetConfig")["config"]
        except OperationFailure as failure:
            if failure.code != _NOT_YET_INITIALIZED:
                raise
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [{"_id": 0, "host": wanted}]})
            return False
        if config["members"][0]["host"] != wanted:
            config["members"][0]["host"] = wanted
            config["version"] += 1
            client.admin.command("replSetReconfig", config, force=True)
        return False
