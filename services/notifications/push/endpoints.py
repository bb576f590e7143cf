"""I/O of endpoints: where people want to be told when they are away. MongoDB: one document a person who has any, on the person's shard."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import Int64
from pymongo import DeleteOne, InsertOne, UpdateOne
from pymongo.errors import DuplicateKeyError

from services.contracts.errors import TooManyEndpoints
from services.contracts.notifications import MOST_ENDPOINTS, Endpoint, EndpointKind
from services.kernel.mongo import Document, Mongo
from services.notifications.push.rules import Target, Task

Writes = list[InsertOne[Document] | DeleteOne | UpdateOne]
_HEALTHY: Document = {"enabled": True, "failing_since": None, "failures": Int64(0), "disabled_reason": None}


class Endpoints:
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._endpoints = mongo.collection("endpoints")

    def put(self, user_id: str, target: Target) -> None:
        """A new one, or the same one anew. Raises TooManyEndpoints."""
        document = _document(target)
        with self._mongo.errors():
            if self._change(user_id, target.endpoint.id, document, "endpoints.renew"):
                return
            room = {
                "_id": user_id,
                "endpoints.id": {"$ne": target.endpoint.id},
                f"endpoints.{MOST_ENDPOINTS - 1}": {"$exists": False},
            }
            try:
                self._endpoints.update_one(room, {"$push": {"endpoints": document}}, upsert=True, comment="endpoints.add")
            except DuplicateKeyError as error:
                # There is no room, or somebody else added the same one this very moment.
                if not self._change(user_id, target.endpoint.id, document, "endpoints.renew"):
                    raise TooManyEndpoints() from error

    def load(self, targets: Mapping[str, Target]) -> None:
        """One each for many people who have none yet, for tests and benchmarks that need a crowd."""
        documents: list[Document] = [{"_id": user_id, "endpoints": [_document(target)]} for user_id, target in targets.items()]
        with self._mongo.errors():
            self._endpoints.insert_many(documents, ordered=False, comment="endpoints.load")

    def of(self, user_id: str) -> list[Target]:
        """All of a person, oldest first."""
        with self._mongo.errors():
            found = self._endpoints.find_one({"_id": user_id}, comment="endpoints.get")
        return [_target(one) for one in found["endpoints"]] if found else []

    def enabled_of(self, user_ids: Sequence[str]) -> dict[str, list[Target]]:
        """Those that are switched on, of those who have any."""
        wanted = {"_id": {"$in": list(user_ids)}}
        with self._mongo.errors():
            found = {
                one["_id"]: [_target(each) for each in one["endpoints"] if each["enabled"]]
                for one in self._endpoints.find(wanted, comment="endpoints.get_many")
            }
        return {user_id: targets for user_id, targets in found.items() if targets}

    def enable(self, user_id: str, endpoint_id: str) -> bool:
        """Switch it on, as good as new. Whether there is such a one."""
        with self._mongo.errors():
            return self._change(user_id, endpoint_id, _HEALTHY, "endpoints.enable")

    def switch_off(self, user_id: str, endpoint_id: str, reason: str) -> None:
        with self._mongo.errors():
            self._change(user_id, endpoint_id, {"enabled": False, "disabled_reason": reason}, "endpoints.switch_off")

    def remove(self, user_id: str, endpoint_id: str) -> None:
        with self._mongo.errors():
            self._endpoints.update_one({"_id": user_id}, {"$pull": {"endpoints": {"id": endpoint_id}}}, comment="endpoints.remove")

    def forget(self, user_id: str) -> None:
        """All of a person."""
        with self._mongo.errors():
            self._endpoints.delete_one({"_id": user_id}, comment="endpoints.forget")

    def note(self, arrived: Sequence[Task], failed: Sequence[Task], now: datetime) -> None:
        """Keep how deliveries went: those that arrived end a row of failures, those that failed begin or lengthen one."""
        writes: Writes = [
            UpdateOne(
                _which(task.user_id, task.target.endpoint.id),
                {"$set": {"endpoints.$.failing_since": None, "endpoints.$.failures": Int64(0)}},
            )
            for task in arrived
            if task.target.endpoint.failing_since is not None
        ]
        for task in failed:
            change: Document = {"$inc": {"endpoints.$.failures": Int64(1)}}
            if task.target.endpoint.failing_since is None:
                change["$set"] = {"endpoints.$.failing_since": now}
            writes.append(UpdateOne(_which(task.user_id, task.target.endpoint.id), change))
        if writes:
            with self._mongo.errors():
                self._endpoints.bulk_write(writes, ordered=False, comment="endpoints.note")

    def _change(self, user_id: str, endpoint_id: str, fields: Mapping[str, Any], comment: str) -> bool:
        change = {"$set": {f"endpoints.$.{name}": value for name, value in fields.items() if name not in ("id", "created_at")}}
        return bool(self._endpoints.update_one(_which(user_id, endpoint_id), change, comment=comment).matched_count)


def _which(user_id: str, endpoint_id: str) -> Document:
    return {"_id": user_id, "endpoints.id": endpoint_id}


def _document(target: Target) -> Document:
    endpoint = target.endpoint
    keys = {"secret": target.secret, "p256dh": target.p256dh, "auth": target.auth}
    return {"id": endpoint.id, "kind": endpoint.kind.value, "url": endpoint.url, "created_at": endpoint.created_at, **keys, **_HEALTHY}


def _target(one: Mapping[str, Any]) -> Target:
    endpoint = Endpoint(
        one["id"],
        EndpointKind(one["kind"]),
        one["url"],
        one["enabled"],
        one["created_at"],
        one["failing_since"],
        one["disabled_reason"],
    )
    return Target(endpoint, one["secret"], one["p256dh"], one["auth"], int(one["failures"]))
