"""What loading a graph of follows in bulk reads and writes: `livedrops load-graph`.

A load writes what people themselves would: users and follows, the truth. Lists and counts are derived from them by the change-stream
reader alone, as always. What is loaded twice changes nothing: a follow's _id is its people, and who follows stays as they are.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta

from bson import Int64
from pymongo.collection import Collection as MongoCollection
from pymongo.errors import BulkWriteError

from services.contracts.errors import Unavailable
from services.contracts.users import Role
from services.kernel.mongo import Document, Mongo
from services.users.derivation import edge_id
from services.users.follows import Follows

READER = "users-capture"
_DUPLICATE_KEY = 11000


@dataclass(frozen=True)
class Edge:
    """user_id follows creator_id, says this line."""

    line: int
    user_id: str
    creator_id: str
    text: str

    @property
    def key(self) -> str:
        return edge_id(self.user_id, self.creator_id)


@dataclass(frozen=True)
class Problem:
    """Why a line was left out."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Tally:
    """What became of the lines: follows that are new, that had ended and are active again, that were there; people made; errors."""

    followed: int = 0
    renewed: int = 0
    known: int = 0
    people: int = 0
    errors: int = 0

    @property
    def edges(self) -> int:
        return self.followed + self.renewed + self.known

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True)
class Checkpoint:
    """How far a load is. line: the last one of the last finished batch. key: of what is loaded; None where there is no going back."""

    key: str | None
    name: str
    started_at: datetime
    line: int = 0
    tally: Tally = field(default_factory=Tally)
    finished_at: datetime | None = None

    @classmethod
    def begin(cls, key: str | None, name: str) -> "Checkpoint":
        now = datetime.now(UTC)
        # The store keeps milliseconds: what is remembered must be what was used.
        return cls(key, name, now.replace(microsecond=now.microsecond // 1000 * 1000))

    def followed_at(self, edge: Edge) -> datetime:
        """Past, and no two of a load the same: the further down a line stands, the older its follow."""
        return self.started_at - timedelta(milliseconds=edge.line)


class GraphStore:
    """All I/O of a load: users, follows, loads (the checkpoints), and a look at the reader's lease."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._users = mongo.collection("users")
        self._edges = mongo.collection("follows")
        self._loads = mongo.collection("loads")
        self._leases = mongo.collection("leases")
        self._follows = Follows(mongo)

    def known_people(self, user_ids: Collection[str]) -> set[str]:
        """Those of them that there are."""
        with self._mongo.errors():
            found = self._users.find({"_id": {"$in": list(user_ids)}}, {"_id": 1}, comment="loading.people")
            return {one["_id"] for one in found}

    def add_people(self, user_ids: Collection[str], created_at: datetime) -> int:
        """Make people whom nobody can sign in as. Those that are there stay as they are. How many are new."""
        return self._insert(self._users, [_person(user_id, created_at) for user_id in user_ids], "loading.add_people")

    def add_follows(self, edges: Sequence[Edge], checkpoint: Checkpoint) -> Tally:
        """Make these follows. Those that are active stay as they are; those that had ended begin anew, now."""
        there = self._states(edges)
        fresh = [_follow(edge, checkpoint.followed_at(edge)) for edge in edges if edge.key not in there]
        followed = self._insert(self._edges, fresh, "loading.add_follows")
        ended = {edge.key: edge for edge in edges if there.get(edge.key) is False}
        # One at a time, by the service's own rule for versions: they are few.
        for edge in ended.values():
            self._follows.follow(edge.user_id, edge.creator_id)
        return Tally(followed=followed, renewed=len(ended), known=len(edges) - followed - len(ended))

    def checkpoint(self, key: str) -> Checkpoint | None:
        with self._mongo.errors():
            found = self._loads.find_one({"_id": key}, comment="loading.checkpoint")
        if found is None:
            return None
        return Checkpoint(key, found["name"], found["started_at"], found["line"], Tally(**found["tally"]), found["finished_at"])

    def save(self, checkpoint: Checkpoint) -> None:
        if checkpoint.key is None:
            return
        kept = {name: value for name, value in asdict(checkpoint).items() if name != "key"}
        with self._mongo.errors():
            self._loads.replace_one({"_id": checkpoint.key}, kept, upsert=True, comment="loading.save")

    def now(self) -> datetime:
        """The store's clock: what was acknowledged until now is older."""
        return self._mongo.now()

    def reader_at(self) -> datetime | None:
        """When the last change happened that the reader has applied; None where there never was a reader."""
        with self._mongo.errors():
            lease = self._leases.find_one({"_id": READER}, comment="loading.reader")
        return lease.get("at") if lease else None

    def _states(self, edges: Sequence[Edge]) -> dict[str, bool]:
        """Whether those that were ever made are active, by their _id."""
        wanted = {"_id": {"$in": [edge.key for edge in edges]}, "user_id": {"$in": list({edge.user_id for edge in edges})}}
        with self._mongo.errors():
            return {one["_id"]: one["active"] for one in self._edges.find(wanted, {"active": 1}, comment="loading.follows")}

    def _insert(self, collection: MongoCollection[Document], documents: Sequence[Document], comment: str) -> int:
        """Insert those that nobody else has just inserted. How many they were."""
        if not documents:
            return 0
        with self._mongo.errors():
            try:
                return len(collection.insert_many(documents, ordered=False, comment=comment).inserted_ids)
            except BulkWriteError as error:
                return len(documents) - _count_duplicates(error)


def _count_duplicates(error: BulkWriteError) -> int:
    """How many were there. Raises Unavailable where no majority has the rest, and the error itself for any other reason."""
    details = error.details or {}
    if any(one["code"] != _DUPLICATE_KEY for one in details["writeErrors"]):
        raise error
    if details["writeConcernErrors"]:
        raise Unavailable("The database did not confirm in time what was written.") from error
    return len(details["writeErrors"])


def _follow(edge: Edge, followed_at: datetime) -> Document:
    return {
        "_id": edge.key,
        "user_id": edge.user_id,
        "creator_id": edge.creator_id,
        "active": True,
        "followed_at": followed_at,
        "version": Int64(round(followed_at.timestamp() * 1000)),
    }


def _person(user_id: str, created_at: datetime) -> Document:
    name = made_up_name(user_id)
    return {
        "_id": user_id,
        "name": name,
        # Signing in goes by an address, and they have none.
        "email": "",
        "password_hash": "",
        "roles": [Role.FAN.value],
        "created_at": created_at,
        "display_name": name,
        "bio": "",
        "picture": "",
        "version": Int64(1),
    }


_FIRST_NAMES = """Ada Amara Anaïs Arjun Aylin Bao Björn Chiara Chloé Dario Emeka Esra Farah Felix Freya Goran Hana Hugo Ines Ivan
Jamal Jana José Kofi Lale Léa Liam Lucía Mads Maja Mei Milan Nadia Nils Noor Oskar Priya Quinn Ravi Rosa Sami Selma Søren Tariq
Uma Viktor Wanda Yara Yusuf Zoë"""
_LAST_NAMES = """Adeyemi Andersson Banerjee Becker Castillo Çelik Costa Dubois Duarte Eriksen Fischer Fontaine Garcia Haddad
Hansen Ibrahim Ito Jansen Kaya Keller Kim Kowalski Laurent Lindqvist Lopez Mensah Moreau Müller Nguyen Nowak Okafor Olsen Patel
Pereira Popescu Quispe Rahman Ricci Rossi Sato Schmidt Silva Tanaka Torres Ueda Vargas Wagner Yilmaz Zhang Zimmer"""


def made_up_name(user_id: str) -> str:
    """A name that people could have. The same id always gives the same."""
    digest = hashlib.sha256(user_id.encode()).digest()
    first, last = int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:8], "big")
    first_names, last_names = _FIRST_NAMES.split(), _LAST_NAMES.split()
    return f"{first_names[first % len(first_names)]} {last_names[last % len(last_names)]}"
