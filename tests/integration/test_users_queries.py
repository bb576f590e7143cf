"""Every query of the users context is one that `services.users.queries` describes, and reaches the shards that it claims."""

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
import pytest
from pymongo import monitoring

from services.contracts.users import JobKind, Role, User
from services.kernel import ids, mongo_layout
from services.kernel.metrics import Metrics
from services.kernel.mongo import Mongo
from services.kernel.mongo_leases import MongoLease
from services.kernel.mongo_queries import Query, Reach
from services.users import layout
from services.users.derivation import Change
from services.users.deriving import Deriver
from services.users.domain import Account, StoredSession
from services.users.follows import Follows
from services.users.job_store import JobStore
from services.users.layout import COLLECTIONS
from services.users.loading import Checkpoint, Edge, GraphStore
from services.users.queries import QUERIES
from services.users.scans import Scans
from stack.api import Stack

KEYS = {collection.name: [name for name, _ in collection.shard_key] for collection in COLLECTIONS}
NOW = datetime.now(UTC)
# Their documents have more fields than those that say where they go.
INSERTS = ("users.add", "emails.add", "sessions.add", "followers.put", "loading.add_people", "loading.add_follows")


class Commands(monitoring.CommandListener):
    """What went over the wire: comment, collection and the fields of each filter."""

    def __init__(self) -> None:
        self.seen: list[tuple[str | None, str, tuple[str, ...]]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        command: dict[str, Any] = dict(event.command)
        comment = command.get("comment")
        for fields in self._filters(event.command_name, command):
            self.seen.append((comment, str(command[event.command_name]), tuple(sorted(fields))))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass

    def check(self, listed: Mapping[str, Query], inserts: Collection[str]) -> None:
        """All that was asked is listed with its filter, and all that is listed was asked. inserts: those whose documents have more fields."""
        asked = set[str | None]()
        for comment, collection, fields in self.seen:
            query = listed.get(comment or "")
            assert query is not None, f"a query of {collection} by {fields} is not listed: {comment}"
            assert query.collection == collection
            expected = set(query.filter)
            assert expected <= set(fields) if comment in inserts else expected == set(fields), (comment, fields)
            asked.add(comment)
        assert asked == set(listed)

    @staticmethod
    def _filters(name: str, command: dict[str, Any]) -> list[Any]:
        """Of reads, updates and deletes the filter; of inserts the document, which says where it goes."""
        match name:
            case "find":
                return [command["filter"]]
            case "findAndModify":
                return [command["query"]]
            case "aggregate" if isinstance(command["aggregate"], str):
                return [command["pipeline"][0]["$match"]]
            case "update":
                return [update["q"] for update in command["updates"]]
            case "delete":
                return [delete["q"] for delete in command["deletes"]]
            case "insert":
                return list(command["documents"])
        return []


@pytest.fixture(scope="module")
def store(stack: Stack, metrics: Metrics) -> Iterator[tuple[Mongo, Commands]]:
    """A database of its own, and what is asked of it."""
    commands = Commands()
    mongo = Mongo(stack.environment("users")["LIVEDROPS_USERS_MONGO_URL"], f"queries_{uuid.uuid4().hex}", metrics)
    list(layout.bootstrap(mongo))
    url = stack.environment("users")["LIVEDROPS_USERS_MONGO_URL"]
    watched: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(url, event_listeners=[commands], tz_aware=True)
    name = mongo.database.name
    mongo.client.close()
    mongo.client = watched
    mongo.database = watched.get_database(name)
    yield mongo, commands
    watched.drop_database(name)
    watched.close()


def user(name: str) -> User:
    return User(ids.new_id(), name, f"{uuid.uuid4().hex}@example.org", [Role.FAN], NOW, name, version=1)


def ask_everything(mongo: Mongo) -> None:
    """Every question that the context's stores can be asked."""
    deriver, scans, jobs = Deriver(mongo), Scans(mongo), JobStore(mongo)
    ann, bob = user("Ann"), user("Bob")
    ask_accounts(deriver, ann, bob)
    ask_follows(deriver, ann.id, bob.id)
    ask_loading(mongo)
    lease = MongoLease(mongo, "queries")
    assert lease.hold()
    lease.kept()
    assert not MongoLease(mongo, "queries").acquire()
    ask_scans(mongo, scans, jobs, lease, ann.id)
    lease.release()
    deriver.accounts.delete(ann.id)


def ask_accounts(deriver: Deriver, ann: User, bob: User) -> None:
    accounts = deriver.accounts
    for person in (ann, bob):
        accounts.add(Account(person, "hash"), person.email)
    accounts.by_email(ann.email)
    accounts.get_many([ann.id, bob.id])
    accounts.page(None, 1)
    accounts.page(ann.id, 1)
    accounts.require(ann.id, bob.id)
    accounts.set_roles(ann.id, [Role.CREATOR])
    accounts.add_role(ann.id, Role.OPERATOR)
    accounts.update(ann.id, {"email": "new@example.org"}, "new@example.org")
    session = StoredSession(ids.new_id(), ann.id, "a", None, NOW, NOW + timedelta(days=1))
    accounts.add_session(session)
    accounts.session(ann.id, session.id)
    accounts.rotate(session, "b", NOW, NOW + timedelta(days=1))
    accounts.end_session(ann.id, session.id)


def ask_follows(deriver: Deriver, ann: str, bob: str) -> None:
    follows, lists = deriver.follows, deriver.lists
    state = follows.follow(ann, bob)
    assert state.followed_at is not None
    follows.state(ann, bob)
    follows.which(ann, [bob])
    follows.who_follows([ann], bob)
    follows.of_each([ann, bob], 5)
    place = follows.page(ann, 5, None)[0]
    follows.page(ann, 5, place)
    people = deriver.people([ann, bob])
    deriver.apply([Change(ann, bob, True, state.followed_at, 1)], people, lambda session: None)
    deriver.rename(people[ann])
    lists.page(bob, 5, None)
    lists.page(bob, 5, (NOW, ann))
    lists.cut(bob, 1, (NOW, ann))
    lists.cut(bob, 5, (NOW, ann))
    lists.between(bob, 5, (NOW, ann), (NOW, ann))
    lists.named(bob, "a", 5, None)
    lists.named(bob, "a", 5, ("a", ann))
    lists.counts([ann, bob])
    lists.tally(bob, "hour", NOW - timedelta(days=1), NOW)
    follows.unfollow(ann, bob)
    follows.end([(ann, bob)])
    deriver.apply([Change(ann, bob, False, state.followed_at, 2)], people, lambda session: None)


def ask_loading(mongo: Mongo) -> None:
    store = GraphStore(mongo)
    edge = Edge(1, ids.new_id(), ids.new_id(), "")
    checkpoint = Checkpoint.begin("key", "name")
    store.add_people({edge.user_id, edge.creator_id} - store.known_people([edge.user_id]), NOW)
    store.add_follows([edge], checkpoint)
    store.save(checkpoint)
    store.checkpoint("key")
    store.reader_at()


def ask_scans(mongo: Mongo, scans: Scans, jobs: JobStore, lease: MongoLease, ann: str) -> None:
    for after in (None, "a"):
        scans.follows(after, 5)
        scans.entries(after, 5)
        scans.user_ids(after, 5)
        scans.counted_ids(after, 5)
    scans.states([(ann, ann)])
    scans.follows_of(ann, 5)
    jobs.ask(JobKind.RECOUNT)
    job = jobs.next()
    assert job is not None

    def work(session: Any) -> None:
        lease.fence(session, {})
        exact = scans.exact_counts([ann], session)
        scans.stored_counts([ann], session)
        scans.set_counts(exact, session)
        scans.drop_counts([ann], session)
        jobs.move_on(job, {"done": 1}, session)
        jobs.ask_to_forget(ann, session)

    mongo.transaction(work)


def test_every_query_is_listed_with_its_filter(store: tuple[Mongo, Commands]) -> None:
    mongo, commands = store
    ask_everything(mongo)
    commands.check(QUERIES, INSERTS)


@pytest.mark.parametrize("name", [name for name, query in QUERIES.items() if query.reach in (Reach.ONE_SHARD, Reach.SHARDS_OF_KEYS)])
def test_a_query_that_claims_shards_carries_the_shard_key(name: str) -> None:
    query = QUERIES[name]
    key = KEYS[query.collection]
    # Of a compound key, its hashed beginning says on which shards the rest can be.
    wanted = key if query.reach is Reach.ONE_SHARD else key[:1]
    assert set(wanted) <= set(query.filter)


@pytest.mark.parametrize("name", [name for name, query in QUERIES.items() if query.reach is Reach.CREATOR])
def test_a_query_of_a_list_names_its_creator(name: str) -> None:
    assert KEYS[QUERIES[name].collection][0] == "creator_id"
    assert "creator_id" in QUERIES[name].filter


def test_collections_are_sharded_by_these_keys() -> None:
    assert mongo_layout.shard_commands("users", COLLECTIONS) == [
        {"shardCollection": "users.users", "key": {"_id": "hashed"}},
        {"shardCollection": "users.emails", "key": {"_id": "hashed"}},
        {"shardCollection": "users.sessions", "key": {"user_id": "hashed"}},
        {"shardCollection": "users.follows", "key": {"user_id": "hashed"}},
        {"shardCollection": "users.followers", "key": {"creator_id": "hashed", "followed_at": 1, "user_id": 1}},
        {"shardCollection": "users.counts", "key": {"_id": "hashed"}},
    ]


def test_a_replica_set_gets_the_index_of_each_shard_key(store: tuple[Mongo, Commands]) -> None:
    mongo, _ = store
    for collection in COLLECTIONS:
        indexes = mongo.database[collection.name].index_information().values()
        assert list(collection.shard_key) in [list(index["key"]) for index in indexes]


def test_the_bootstrap_is_repeated_without_effect(store: tuple[Mongo, Commands]) -> None:
    assert list(layout.bootstrap(store[0])) == []


@pytest.mark.parametrize(
    ("collection", "document"),
    [
        ("follows", {"_id": "a:b", "user_id": "a", "creator_id": "b", "active": "yes", "followed_at": NOW, "version": 1}),
        ("followers", {"_id": "a:b", "creator_id": "a"}),
        ("users", {"_id": "a", "name": 5}),
        ("counts", {"_id": "a", "followers": "many", "following": 0}),
    ],
)
def test_the_store_refuses_documents_of_another_shape(store: tuple[Mongo, Commands], collection: str, document: dict[str, Any]) -> None:
    with pytest.raises(pymongo.errors.WriteError, match="validation"):
        store[0].database[collection].insert_one(document)


def test_whom_each_of_many_follows_is_read_some_at_a_time(store: tuple[Mongo, Commands]) -> None:
    follows = Follows(store[0])
    people = [ids.new_id() for _ in range(7)]
    wanted = {user_id: {ids.new_id() for _ in range(number)} for number, user_id in enumerate(people)}
    for user_id, creator_ids in wanted.items():
        for creator_id in creator_ids:
            follows.follow(user_id, creator_id)

    assert {user_id: set(found) for user_id, found in follows.of_each(people, 7).items()} == wanted
    # One who follows more than are read at once is told in part, and everybody else whole.
    few = follows.of_each(people, 6)
    assert {user_id: set(few[user_id]) for user_id in people[:6]} == {user_id: wanted[user_id] for user_id in people[:6]}
    assert len(few[people[6]]) == 6


@pytest.mark.parametrize("comment", ["followers.page_on", "follows.page_on", "followers.named_on"])
def test_a_page_walks_its_index_from_its_place(store: tuple[Mongo, Commands], comment: str, paged: Callable[[str], Any]) -> None:
    plan = paged(comment)
    assert plan["totalKeysExamined"] <= 12
    assert plan["nReturned"] == 10


@pytest.fixture(scope="module")
def paged(store: tuple[Mongo, Commands]) -> Callable[[str], Any]:
    """How the store answers a page in the middle of 500."""
    mongo, _ = store
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    times = [begin + timedelta(seconds=number) for number in range(500)]
    mongo.database["followers"].insert_many(
        {"_id": f"c:u{n:04}", "creator_id": "c", "user_id": f"u{n:04}", "followed_at": at, "name": f"n{n:04}"} for n, at in enumerate(times)
    )
    edge = {"user_id": "u", "active": True}
    mongo.database["follows"].insert_many(
        {**edge, "_id": f"u:c{n:04}", "creator_id": f"c{n:04}", "followed_at": at, "version": 2**40 + n} for n, at in enumerate(times)
    )
    middle = times[250]
    behind = {"followed_at": {"$lt": middle}}
    questions: dict[str, tuple[str, dict[str, Any], list[tuple[str, int]]]] = {
        "followers.page_on": (
            "followers",
            {"creator_id": "c", "followed_at": {"$lte": middle}, "$or": [behind, {"user_id": {"$lt": "u0250"}}]},
            [("followed_at", -1), ("user_id", -1)],
        ),
        "follows.page_on": (
            "follows",
            {"user_id": "u", "active": True, "followed_at": {"$lte": middle}, "$or": [behind, {"creator_id": {"$lt": "c0250"}}]},
            [("followed_at", -1), ("creator_id", -1)],
        ),
        "followers.named_on": (
            "followers",
            {
                "creator_id": "c",
                "name": {"$gte": "n0250", "$lt": "n\U0010ffff"},
                "$or": [{"name": {"$gt": "n0250"}}, {"user_id": {"$gt": "u0250"}}],
            },
            [("name", 1), ("user_id", 1)],
        ),
    }

    def explain(comment: str) -> Any:
        collection, wanted, order = questions[comment]
        return mongo.database[collection].find(wanted).sort(order).limit(10).explain()["executionStats"]

    return explain
