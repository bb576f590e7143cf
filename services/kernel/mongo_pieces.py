"""Long lists of people in MongoDB, newest first, in pieces: cut by places, so that whoever stays in the list is in exactly one piece."""

from datetime import datetime

from pymongo.collection import Collection

from services.kernel.mongo import Document, Mongo

# A place in a list: since when, and the person.
Place = tuple[datetime, str]


class ListPieces:
    """Of lists in a collection. at: the field that says since when. name: what the comments of its queries begin with."""

    def __init__(self, mongo: Mongo, collection: Collection[Document], at: str, name: str) -> None:
        self._mongo = mongo
        self._collection = collection
        self._at = at
        self._name = name
        self._sort = [(at, -1), ("user_id", -1)]
        self._fields = {"_id": 0, "user_id": 1, at: 1}

    def cut(self, owner: Document, size: int, after: Place) -> tuple[Place, int] | None:
        """Where the piece of at most `size` behind `after` ends, and how many it has; None where nothing is left. owner: whose list."""
        wanted = {**owner, self._at: {"$lte": after[0]}, "$or": self._behind(after)}
        with self._mongo.errors():
            found = self._collection.find(wanted, self._fields, comment=f"{self._name}.cut").sort(self._sort).skip(size - 1).limit(1)
            ends = [self._place(one) for one in found]
            if ends:
                return ends[0], size
            found = self._collection.find(wanted, self._fields, comment=f"{self._name}.cut_rest").sort(self._sort).limit(size)
            rest = [self._place(one) for one in found]
        return (rest[-1], len(rest)) if rest else None

    def between(self, owner: Document, size: int, after: Place, until: Place) -> list[Place]:
        """At most `size` places behind `after`, up to and with `until`."""
        upto = [{self._at: {"$gt": until[0]}}, {"user_id": {"$gte": until[1]}}]
        wanted = {**owner, self._at: {"$lte": after[0], "$gte": until[0]}, "$and": [{"$or": self._behind(after)}, {"$or": upto}]}
        with self._mongo.errors():
            found = self._collection.find(wanted, self._fields, comment=f"{self._name}.between").sort(self._sort).limit(size)
            return [self._place(one) for one in found]

    def _behind(self, place: Place) -> list[Document]:
        return [{self._at: {"$lt": place[0]}}, {"user_id": {"$lt": place[1]}}]

    def _place(self, one: Document) -> Place:
        return one[self._at], one["user_id"]
