"""The notifications context on MongoDB: its queries and documents, and numbers without gaps whoever writes at the same time."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
import pytest
from msgspec import structs

from services.contracts.errors import RateLimited
from services.contracts.notifications import Channel, Endpoint, EndpointKind, Muted, Notice, NoticeKind, Place, Preferences
from services.contracts.products import Drop, DropState
from services.contracts.users import ListPlace, Piece
from services.contracts.values import Money
from services.kernel import mongo_layout
from services.kernel.metrics import Metrics
from services.kernel.mongo import Mongo
from services.kernel.mongo_queries import Reach
from services.notifications import layout, reminders
from services.notifications.broadcasts import OF_CREATOR
from services.notifications.domain import Interests
from services.notifications.layout import COLLECTIONS
from services.notifications.push.deliveries import State
from services.notifications.push.fan_outs import Counts, chunk_id_of
from services.notifications.push.rules import Target, tasks_for
from services.notifications.queries import QUERIES
from services.notifications.store import Store
from stack.api import Stack
from tests.integration.test_users_queries import Commands

KEYS = {collection.name: [name for name, _ in collection.shard_key] for collection in COLLECTIONS}
NOW = datetime.now(UTC).replace(microsecond=0)
LIVES = dict.fromkeys(NoticeKind, timedelta(days=1))
# Their documents have more fields than those that say where they go.
INSERTS = ("notes.add", "broadcasts.add", "endpoints.load", "deliveries.add")


def some_id() -> str:
    return str(uuid.uuid4())


def notice(
    creator_id: str | None = None, drop_id: str | None = None, kind: NoticeKind = NoticeKind.DROP_STARTED, at: datetime = NOW
) -> Notice:
    return Notice(some_id(), kind, at, "x", creator_id or some_id(), drop_id or some_id())


def some_drop(**changes: Any) -> Drop:
    ends_at = NOW + timedelta(days=1)
    whole = Drop(some_id(), some_id(), some_id(), "x", NOW, ends_at, 1, None, Money(1, "EUR"), {}, DropState.LIVE, None, 1, NOW, NOW)
    return structs.replace(whole, **changes)


class Kept:
    """All that is kept, in a database of its own."""

    def __init__(self, mongo: Mongo) -> None:
        self.mongo = mongo
        parts = self.parts = Store.of(mongo, LIVES)
        self.people, self.notes, self.broadcasts, self.marks, self.reminders = (
            parts.people,
            parts.notes,
            parts.broadcasts,
            parts.marks,
            parts.reminders,
        )

    def numbers(self, user_id: str) -> list[int]:
        return sorted(one["number"] for one in self.mongo.database["notes"].find({"user_id": user_id}))

    def broadcast_numbers(self, interests: Interests) -> list[int]:
        return [told.number for told in self.broadcasts.of(interests, 0, 2**50, newest_first=False, size=10)]


@pytest.fixture(scope="module")
def url(stack: Stack) -> str:
    return stack.environment("notifications")["LIVEDROPS_NOTIFICATIONS_MONGO_URL"]


@pytest.fixture
def mongo(url: str, metrics: Metrics) -> Iterator[Mongo]:
    made = Mongo(url, f"notes_{uuid.uuid4().hex}", metrics)
    list(layout.bootstrap(made))
    yield made
    name = made.database.name
    made.close()
    with pymongo.MongoClient[dict[str, Any]](url) as client:
        client.drop_database(name)


@pytest.fixture
def store(mongo: Mongo) -> Kept:
    return Kept(mongo)


class TestQueries:
    def test_every_query_is_listed_with_its_filter(self, mongo: Mongo, url: str) -> None:
        commands = Commands()
        name = mongo.database.name
        with pymongo.MongoClient[dict[str, Any]](url, event_listeners=[commands], tz_aware=True) as watched:
            mongo.client.close()
            mongo.client, mongo.database = watched, watched.get_database(name)
            ask_everything(Kept(mongo))
            commands.check(QUERIES, INSERTS)

    @pytest.mark.parametrize("name", [name for name, query in QUERIES.items() if query.reach in (Reach.ONE_SHARD, Reach.SHARDS_OF_KEYS)])
    def test_a_query_that_claims_shards_carries_the_shard_key(self, name: str) -> None:
        assert set(KEYS[QUERIES[name].collection]) <= set(QUERIES[name].filter)

    def test_collections_are_sharded_by_these_keys(self) -> None:
        assert {command["shardCollection"]: command["key"] for command in mongo_layout.shard_commands("n", COLLECTIONS)} == {
            "n.people": {"_id": "hashed"},
            "n.notes": {"user_id": "hashed"},
            "n.broadcasts": {"creator_id": "hashed"},
            "n.marks": {"user_id": "hashed"},
            "n.reminders": {"user_id": "hashed"},
            "n.cancelled": {"_id": "hashed"},
            "n.endpoints": {"_id": "hashed"},
            "n.deliveries": {"user_id": "hashed"},
            "n.fan_outs": {"_id": "hashed"},
            "n.chunks": {"fan_out_id": "hashed"},
        }

    def test_the_bootstrap_is_repeated_without_effect(self, mongo: Mongo) -> None:
        assert list(layout.bootstrap(mongo)) == []

    @pytest.mark.parametrize(
        ("collection", "document"),
        [
            ("notes", {"_id": "a:b", "user_id": "a", "number": 1.5, "read": False, "notice": {}, "expires_at": NOW}),
            ("broadcasts", {"_id": "a"}),
            ("people", {"_id": "a", "last": 0}),
            ("reminders", {"_id": "a:b", "user_id": "a", "drop_id": "b"}),
            ("endpoints", {"_id": "a"}),
            ("deliveries", {"_id": "a", "user_id": "a", "state": "OPEN"}),
            ("fan_outs", {"_id": "a"}),
            ("chunks", {"_id": "a:0", "fan_out_id": "a"}),
        ],
    )
    def test_the_store_refuses_documents_of_another_shape(self, mongo: Mongo, collection: str, document: dict[str, Any]) -> None:
        with pytest.raises(pymongo.errors.WriteError, match="validation"):
            mongo.database[collection].insert_one(document)

    @pytest.mark.parametrize("collection", [one.name for one in COLLECTIONS if one.name != "endpoints"])
    def test_what_its_life_is_over_is_forgotten(self, mongo: Mongo, collection: str) -> None:
        assert mongo.database[collection].index_information()["expires_at_1"]["expireAfterSeconds"] == 0

    def test_a_page_of_many_creators_is_merged_from_ranges_and_not_sorted(self, store: Kept) -> None:
        creators = [some_id() for _ in range(200)]
        store.broadcasts.add([notice(creator) for creator in creators for _ in range(3)])
        wanted = {"creator_id": {"$in": creators}, "number": {"$gt": 0, "$lte": 600}}
        plan = store.mongo.database["broadcasts"].find(wanted).sort("number", -1).hint(OF_CREATOR).limit(20).explain()
        stages = str(plan["queryPlanner"]["winningPlan"])
        assert "SORT_MERGE" in stages
        # A look at the head of each creator's range, and the page.
        assert plan["executionStats"]["totalDocsExamined"] <= 20
        assert plan["executionStats"]["totalKeysExamined"] <= 200 + 20


def ask_everything(store: Kept) -> None:
    """Every question that the context's stores can be asked."""
    ann, bob, drop = some_id(), some_id(), some_drop()
    told = notice()
    store.notes.add([(ann, told)])
    store.notes.newest(ann, 5, 0, 5, unread_only=False)
    store.notes.newest(ann, 5, 0, 5, unread_only=True)
    store.notes.after(ann, 0, 5, [NoticeKind.DROP_STARTED], 0, 5)
    store.notes.count_unread(ann, 0, 5, 100)
    store.notes.read(ann, [told.id])
    sent = notice(drop.creator_id, drop.id)
    store.broadcasts.add([sent])
    store.broadcasts.last()
    store.broadcasts.after(0, 5)
    interests = Interests({drop.creator_id: NOW}, {drop.id: (drop.creator_id, NOW)})
    assert store.broadcast_numbers(interests) == [1]
    store.marks.add(ann, store.broadcasts.marks_of([sent.id]))
    assert store.marks.above(ann, 0) == {1}
    store.people.get(ann)
    store.people.read_all(ann, Place(1, 1))
    store.people.prefer(bob, Preferences([], [ann]))
    store.reminders.add(ann, drop)
    store.reminders.which(ann, [drop.id])
    store.reminders.of_each([ann, some_id()])
    store.reminders.move(structs.replace(drop, version=2))
    store.reminders.forget(ann, drop.id)
    store.reminders.add(ann, drop)
    store.broadcasts.withdraw(drop.id, drop.creator_id)
    store.broadcasts.add([notice(ann)])
    ask_about_pushing(store, ann, drop)
    store.people.bury(ann)
    parts = store.parts
    for removal in (store.notes.removal, store.marks.removal, store.reminders.removal, store.broadcasts.removal, parts.deliveries.removal):
        removal.step(ann)
    store.people.unmute(ann)


def ask_about_pushing(store: Kept, ann: str, drop: Drop) -> None:
    parts, told = store.parts, notice(drop.creator_id, some_id())
    store.reminders.cut(drop.id, 1, (NOW, ann))
    store.reminders.between(drop.id, 5, (NOW, ann), (NOW, ann))
    target = Target(Endpoint(some_id(), EndpointKind.WEBHOOK, "https://example.org/", True, NOW))
    parts.endpoints.load({some_id(): target})
    parts.endpoints.put(ann, target)
    assert parts.endpoints.of(ann) == parts.endpoints.enabled_of([ann])[ann] == [target]
    parts.endpoints.switch_off(ann, target.endpoint.id, "x")
    parts.endpoints.enable(ann, target.endpoint.id)
    (task,) = tasks_for(told, {ann: [target]}, {}, None)
    claim = parts.deliveries.claim([task])
    parts.deliveries.claim([task])  # one that is there already
    parts.deliveries.give_back(claim, claim.mine)
    parts.deliveries.mark(claim, claim.mine, State.DELIVERED)
    parts.endpoints.note([], [task], NOW)
    parts.endpoints.remove(ann, target.endpoint.id)
    parts.endpoints.forget(ann)
    plan = parts.fan_outs.begin(told).with_pieces([Piece(ListPlace(NOW, ann), 1)], more=False)
    parts.fan_outs.advance(plan)
    parts.fan_outs.notice(told.id)
    parts.fan_outs.is_cancelled(drop.id)
    (chunk,) = plan.pending
    parts.fan_outs.checkpoint(chunk, parts.fan_outs.progress(chunk), None, Counts(1, 1))
    parts.fan_outs.count(chunk_id_of(chunk), Counts(delivered=1))
    assert parts.fan_outs.get(told.id) == parts.fan_outs.newest(1)[0]


class TestNumbers:
    def test_notes_told_again_take_no_number(self, store: Kept) -> None:
        ann, first, second = some_id(), notice(), notice()
        assert [one.number for one in store.notes.add([(ann, first), (ann, first)]).fresh] == [1]
        again = store.notes.add([(ann, second), (ann, first)])
        assert [(one.number, one.notice) for one in again.all()] == [(1, first), (2, second)]
        assert store.numbers(ann) == [1, 2]
        assert store.people.get(ann).last == 2

    def test_whoever_writes_at_the_same_moment_each_number_is_given_once(self, store: Kept) -> None:
        """Eight writers, each told some of the same: as many queues redeliver."""
        people, notices = [some_id() for _ in range(3)], [notice() for _ in range(40)]
        batches = [[(user_id, one) for one in notices[start : start + 10] for user_id in people] for start in range(0, 35, 5)]

        def write(batch: list[tuple[str, Notice]]) -> None:
            store.notes.add(batch)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, batches * 2))
        for user_id in people:
            assert store.numbers(user_id) == list(range(1, len(notices) + 1))
            assert store.people.get(user_id).last == len(notices)

    def test_broadcasts_written_at_the_same_moment_have_no_gaps(self, store: Kept) -> None:
        creator = some_id()
        notices = [notice(creator) for _ in range(20)]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda start: store.broadcasts.add(notices[start : start + 6]), [*range(0, 16, 3)] * 2))
        told = store.broadcasts.after(0, 100)
        assert [one.number for one in told] == list(range(1, len({one.notice.id for one in told}) + 1))
        assert store.broadcasts.last() == len(told)

    def test_nothing_is_written_for_who_is_gone(self, store: Kept) -> None:
        ann, bob = some_id(), some_id()
        store.people.bury(ann)
        assert [one.stream for one in store.notes.add([(ann, notice()), (bob, notice())]).all()] == [bob]
        assert store.numbers(ann) == []


class TestBroadcasts:
    def test_a_cancelled_drop_is_told_of_no_more(self, store: Kept) -> None:
        drop, other = some_drop(), notice()
        started, late = notice(drop.creator_id, drop.id), notice(drop.creator_id, drop.id, NoticeKind.DROP_LOW_STOCK)
        store.broadcasts.add([started, other])
        store.broadcasts.withdraw(drop.id, drop.creator_id)
        assert store.broadcasts.add([late, started]).all() == []
        assert [one.notice for one in store.broadcasts.after(0, 10)] == [other]
        assert store.broadcasts.last() == 2

    def test_who_follows_many_has_them_all_in_order(self, store: Kept) -> None:
        """Past the size of one query, more than one is merged."""
        creators = [some_id() for _ in range(450)]
        store.broadcasts.add([notice(creator) for creator in creators])
        interests = Interests(dict.fromkeys(creators, NOW))
        assert store.broadcast_numbers(interests) == list(range(1, 451))
        newest = store.broadcasts.of(interests, 0, 400, newest_first=True, size=3)
        assert [next(newest).number for _ in range(3)] == [400, 399, 398]
        newest.close()

    def test_what_is_followed_and_reminded_comes_once(self, store: Kept) -> None:
        drop = some_drop()
        store.broadcasts.add([notice(drop.creator_id, drop.id), notice(drop.creator_id)])
        assert store.broadcast_numbers(Interests({drop.creator_id: NOW}, {drop.id: (drop.creator_id, NOW)})) == [1, 2]
        assert store.broadcast_numbers(Interests({}, {drop.id: (drop.creator_id, NOW)})) == [1]


class TestPeople:
    def test_preferences_and_numbers_do_not_disturb_each_other(self, store: Kept) -> None:
        ann = some_id()
        chosen = Preferences([Muted(NoticeKind.DROP_STARTED, Channel.EMAIL)], [some_id()])
        store.people.prefer(ann, chosen)
        store.notes.add([(ann, notice())])
        store.people.read_all(ann, Place(1, 7))
        store.people.read_all(ann, Place(0, 3))
        person = store.people.get(ann)
        assert (person.last, person.read, person.preferences) == (1, Place(1, 7), chosen)

    def test_a_creator_who_is_gone_is_muted_by_nobody(self, store: Kept) -> None:
        ann, creator, other = some_id(), some_id(), some_id()
        store.people.prefer(ann, Preferences([], [creator, other]))
        while store.people.unmute(creator):
            pass
        assert store.people.get(ann).preferences.muted_creators == [other]


class TestReminders:
    def test_a_drop_that_moves_keeps_its_reminders_until_its_new_end(self, store: Kept) -> None:
        ann, drop = some_id(), some_drop()
        store.reminders.add(ann, drop)
        moved = structs.replace(drop, version=3, ends_at=drop.ends_at + timedelta(days=90))
        older = structs.replace(drop, version=2)
        for one in (moved, older):  # in any order
            while store.reminders.move(one):
                pass
        (kept,) = store.mongo.database["reminders"].find({"user_id": ann})
        assert kept["expires_at"] == moved.ends_at + reminders.KEPT_AFTER_END

    def test_there_is_an_end_to_reminders(self, store: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reminders, "MOST", 2)
        ann, drops = some_id(), [some_drop() for _ in range(3)]
        for drop in drops[:2]:
            store.reminders.add(ann, drop)
        store.reminders.add(ann, drops[0])
        with pytest.raises(RateLimited):
            store.reminders.add(ann, drops[2])
        assert set(store.reminders.of(ann)) == {drop.id for drop in drops[:2]}
