"""How notices are kept in MongoDB, and how what may be many is removed: a step at a time, on one shard."""

from typing import Any

import msgspec
from pymongo.collection import Collection

from services.contracts.notifications import Notice
from services.kernel.mongo import Document, Mongo

# Of what may be many, so many are removed at once.
STEP = 1_000


def document_of(notice: Notice) -> Document:
    """Without what is null, and without the id, which the whole document is known by."""
    fields = msgspec.to_builtins(notice, builtin_types=(type(notice.at),))
    return {name: value for name, value in fields.items() if value is not None and name != "id"}


def notice_of(notice_id: str, document: Any) -> Notice:
    return msgspec.convert({"id": notice_id, **document}, Notice)


class Removal:
    """Removes what one person or creator has in a collection. of, remove: the comments of its queries."""

    def __init__(self, mongo: Mongo, collection: Collection[Document], owner: str, of: str, remove: str) -> None:
        self._mongo = mongo
        self._collection = collection
        self._owner = owner
        self._of = of
        self._remove = remove

    def step(self, owner_id: str) -> bool:
        """Remove some. Whether there may be more."""
        owned = {self._owner: owner_id}
        with self._mongo.errors():
            found = [one["_id"] for one in self._collection.find(owned, {"_id": 1}, comment=self._of).limit(STEP)]
            if found:
                self._collection.delete_many({**owned, "_id": {"$in": found}}, comment=self._remove)
        return len(found) == STEP
