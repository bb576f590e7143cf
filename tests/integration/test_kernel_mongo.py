"""The kernel's parts for MongoDB and for caching, on the running stores."""

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from services.contracts.errors import Unavailable
from services.kernel.cache import Cache
from services.kernel.change_stream import ChangeStream
from services.kernel.leases import LeaseLost
from services.kernel.metrics import Metrics
from services.kernel.mongo import Mongo
from services.kernel.mongo_leases import MongoLease
from services.kernel.read_through import ReadThrough
from stack.api import Stack
from tests.conftest import eventually


@pytest.fixture(scope="module")
def mongo(stack: Stack, metrics: Metrics) -> Iterator[Mongo]:
    store = Mongo(stack.environment("users")["LIVEDROPS_USERS_MONGO_URL"], f"kernel_{uuid.uuid4().hex}", metrics, patient=True)
    store.database.create_collection("things")
    store.database.create_collection("leases")
    yield store
    store.client.drop_database(store.database.name)
    store.close()


class TestLease:
    def test_one_at_a_time_and_the_next_after_it_ran_out(self, mongo: Mongo) -> None:
        name = uuid.uuid4().hex
        first, second = MongoLease(mongo, name, 0.4), MongoLease(mongo, name, 0.4)
        assert first.hold()
        assert not second.hold()
        eventually(second.acquire, timeout_s=3)
        assert (second.epoch or 0) > 1
        assert not first.acquire()

    def test_its_holder_keeps_it_without_a_new_epoch(self, mongo: Mongo) -> None:
        lease = MongoLease(mongo, uuid.uuid4().hex, 0.4)
        assert [lease.acquire() for _ in range(3)] == [True] * 3
        assert lease.epoch == 1

    def test_a_paused_old_leader_can_write_nothing(self, mongo: Mongo) -> None:
        name = uuid.uuid4().hex
        old, new = MongoLease(mongo, name, 0.1), MongoLease(mongo, name, 10)
        assert old.hold()
        epoch = old.epoch
        eventually(new.acquire, timeout_s=3)
        old.epoch = epoch  # it never noticed

        def work(session: Any) -> None:
            mongo.database["things"].insert_one({"_id": name}, session=session)
            old.fence(session, {})

        with pytest.raises(LeaseLost):
            mongo.transaction(work)
        assert mongo.database["things"].find_one({"_id": name}) is None

    def test_a_take_over_within_a_transaction_of_the_old_leader_ends_it(self, mongo: Mongo) -> None:
        name = uuid.uuid4().hex
        old, new = MongoLease(mongo, name, 0.1), MongoLease(mongo, name, 10)
        assert old.hold()

        def work(session: Any) -> None:
            mongo.database["things"].insert_one({"_id": name}, session=session)  # the snapshot is taken
            eventually(new.acquire, timeout_s=3)
            old.fence(session, {})

        with pytest.raises(LeaseLost):
            mongo.transaction(work)
        assert mongo.database["things"].find_one({"_id": name}) is None

    def test_what_was_kept_is_there_for_the_next(self, mongo: Mongo) -> None:
        lease = MongoLease(mongo, uuid.uuid4().hex)
        assert lease.hold()
        mongo.transaction(lambda session: lease.fence(session, {"place": {"$odd": "$name"}}))
        assert lease.kept()["place"] == {"$odd": "$name"}

    def test_a_lease_given_up_is_free_at_once(self, mongo: Mongo) -> None:
        name = uuid.uuid4().hex
        first = MongoLease(mongo, name, 60)
        assert first.hold()
        first.release()
        eventually(MongoLease(mongo, name, 60).acquire, timeout_s=2)


class TestChangeStream:
    def test_it_goes_on_behind_the_place_of_a_batch(self, mongo: Mongo) -> None:
        begin = mongo.client.admin.command("ping")["operationTime"]
        things = mongo.database["things"]
        things.insert_many([{"_id": uuid.uuid4().hex, "number": number} for number in range(5)])
        only_things = [{"$match": {"ns.coll": "things", "fullDocument.number": {"$exists": True}}}]
        stream = ChangeStream(mongo.database, only_things, begin, 2)
        first = stream.next(1.0)
        stream.close()
        seen = [change["fullDocument"]["number"] for change in first.changes]
        stream = ChangeStream(mongo.database, only_things, first.place, 2)
        while len(seen) < 5:
            seen += [change["fullDocument"]["number"] for change in stream.next(1.0).changes]
        stream.close()
        assert seen == [0, 1, 2, 3, 4]

    def test_an_idle_stream_answers_in_time_and_its_place_moves_on(self, mongo: Mongo) -> None:
        nothing = [{"$match": {"ns.coll": "nothing"}}]
        stream = ChangeStream(mongo.database, nothing, mongo.client.admin.command("ping")["operationTime"], 10)
        assert stream.next(0.05).changes == []
        place = stream.next(0.05).place
        mongo.client["elsewhere"]["things"].insert_one({})
        eventually(lambda: stream.next(0.05).place != place)
        stream.close()


class Source:
    """What is loaded, how often, and a gate to hold a load up."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.loads = 0
        self.gate = threading.Event()
        self.gate.set()

    def load(self, ids: Sequence[str]) -> dict[str, int]:
        self.loads += 1
        found = {id: self.values[id] for id in ids if id in self.values}
        self.gate.wait(5)
        return found


@pytest.fixture
def cache(stack: Stack, metrics: Metrics) -> Iterator[Cache]:
    found = Cache(stack.environment("users")["LIVEDROPS_REDIS_URL"], metrics, 0.5)
    yield found
    found.close()


class TestReadThrough:
    def made(self, cache: Cache) -> tuple[Source, ReadThrough[int], str, str]:
        source, family, id = Source(), f"family{uuid.uuid4().hex}", uuid.uuid4().hex
        source.values[id] = 1
        return source, ReadThrough(cache, family, int, 60, source.load), family, id

    def test_what_was_loaded_is_not_loaded_again(self, cache: Cache) -> None:
        source, entries, _, id = self.made(cache)
        assert [entries.get([id]), entries.get([id])] == [{id: 1}] * 2
        assert source.loads == 1

    def test_what_is_not_there_is_left_out_and_found_once_it_is(self, cache: Cache) -> None:
        source, entries, _, id = self.made(cache)
        assert entries.get([id, "other"]) == {id: 1}
        source.values["other"] = 2
        assert entries.get(["other"]) == {"other": 2}

    def test_many_at_once_are_one_load(self, cache: Cache) -> None:
        source, entries, _, id = self.made(cache)
        source.gate.clear()
        answers: list[dict[str, int]] = []
        threads = [threading.Thread(target=lambda: answers.append(entries.get([id]))) for _ in range(8)]
        threads[0].start()
        eventually(lambda: source.loads == 1)
        for thread in threads[1:]:
            thread.start()
        source.gate.set()
        for thread in threads:
            thread.join()
        assert answers == [{id: 1}] * 8
        assert source.loads <= 3  # a thread that was late by more than the patience asks for itself

    def test_what_changed_while_it_was_loaded_is_not_kept(self, cache: Cache) -> None:
        source, entries, family, id = self.made(cache)
        source.gate.clear()
        loader = threading.Thread(target=lambda: entries.get([id]))
        loader.start()
        eventually(lambda: source.loads == 1)
        source.values[id] = 2
        assert cache.drop(family, [id])
        source.gate.set()
        loader.join()
        assert entries.get([id]) == {id: 2}

    def test_a_family_is_dropped_as_a_whole(self, cache: Cache) -> None:
        source, entries, family, id = self.made(cache)
        entries.get([id])
        source.values[id] = 2
        assert cache.drop_all(family)
        assert entries.get([id]) == {id: 2}

    def test_without_redis_the_store_answers(self, metrics: Metrics) -> None:
        away = Cache("redis://127.0.0.1:1/0", metrics, 0.05)
        _, entries, family, id = self.made(away)
        begin = time.monotonic()
        assert [entries.get([id]) for _ in range(20)] == [{id: 1}] * 20
        assert time.monotonic() - begin < 5
        assert not away.drop(family, [id])
        assert not away.drop_all(family)
        with pytest.raises(Unavailable):
            away.check()


def test_who_died_inside_a_transaction_holds_up_nobody_for_long(stack: Stack, metrics: Metrics) -> None:
    name = f"kernel_{uuid.uuid4().hex}"
    dead, next_one = (Mongo(stack.environment("users")["LIVEDROPS_USERS_MONGO_URL"], name, metrics, name=name) for _ in range(2))
    dead.database["things"].insert_one({"_id": "counter", "last": 0})
    step = {"$inc": {"last": 1}}
    with dead.client.start_session() as session:
        session.start_transaction()
        dead.database["things"].update_one({"_id": "counter"}, step, session=session)
        next_one.contended_transaction(lambda other: next_one.database["things"].update_one({"_id": "counter"}, step, session=other))
        with pytest.raises(OperationFailure):  # it only slept, and is told when it wakes
            session.commit_transaction()
    assert next_one.database["things"].find_one({"_id": "counter"}) == {"_id": "counter", "last": 1}
    next_one.client.drop_database(name)
    for store in (dead, next_one):
        store.close()
