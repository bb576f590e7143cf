"""The change-stream reader: what it tells, what it repairs, and what it does when the store has forgotten its place."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pika
import pymongo
import pytest
import redis
from bson import Int64

from services.contracts.errors import Forbidden
from services.contracts.events import Event, events_of
from services.contracts.users import Job, JobKind, JobState, User, UserChange, Users
from services.kernel import calls
from services.kernel.cache import entry_key
from services.kernel.rpc_client import RpcClient
from services.kernel.topology import EVENTS_EXCHANGE
from services.users.people import PERSON
from stack.api import Stack
from tests.conftest import eventually
from tests.integration.oplog import fill_oplog
from tests.integration.test_follows import counts, ids_of, profile


@pytest.fixture(scope="module")
def database(stack: Stack) -> Iterator[Any]:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
        stack.environment("users")["LIVEDROPS_USERS_MONGO_URL"], tz_aware=True
    )
    yield client["users"]
    client.close()


@pytest.fixture
def heard(stack: Stack) -> Iterator[Callable[[], list[Event]]]:
    """Every event of users from now on."""
    connection = pika.BlockingConnection(pika.URLParameters(stack.environment("operations")["LIVEDROPS_BROKER_URL"]))
    channel = connection.channel()
    queue = f"watch.{uuid.uuid4()}"
    channel.queue_declare(queue, exclusive=True)
    for pattern in ("follow.#", "user.#"):
        channel.queue_bind(queue, EVENTS_EXCHANGE, pattern)
    events: list[Event] = []

    def listen() -> list[Event]:
        while (message := channel.basic_get(queue, auto_ack=True))[2] is not None:
            events.extend(events_of(message[2]))
        return events

    yield listen
    connection.close()


def done(users: Users, kind: JobKind) -> Job:
    """Do this work, and wait for its end."""
    users.start_job(kind=kind)
    return eventually(lambda: (job := users.get_job(kind=kind)).state is JobState.DONE and job, timeout_s=60)  # type: ignore[no-any-return]


def caught_up(users: Users, sign_up: Callable[..., User]) -> None:
    """Until the reader has taken in all that happened before."""
    fan, creator = sign_up(), sign_up()
    users.follow(user_id=fan.id, creator_id=creator.id)
    eventually(lambda: ids_of(users.list_followers(creator_id=creator.id)) == [fan.id], timeout_s=60)


def test_everything_is_told_once_with_its_version(
    users: Users,
    sign_up: Callable[..., User],
    heard: Callable[[], list[Event]],
) -> None:
    fan, creator = sign_up("Fan"), sign_up()
    states = [
        change(user_id=fan.id, creator_id=creator.id)
        for change in (users.follow, users.follow, users.unfollow, users.unfollow, users.follow)
    ]
    users.update_user(user_id=fan.id, change=UserChange(bio="new"))
    users.delete_user(user_id=fan.id)
    eventually(lambda: any(event.type == "user.deleted" and event.data["user_id"] == fan.id for event in heard()))
    eventually(lambda: len({e.id for e in heard() if e.type == "follow.removed" and e.data["user_id"] == fan.id}) == 2)
    follows = {event.id: event for event in heard() if event.type.startswith("follow.") and event.data["user_id"] == fan.id}
    told = {(event.type, event.data["version"]) for event in follows.values()}
    assert {("follow.created" if state.following else "follow.removed", state.version) for state in states} < told
    assert len(told) == len(follows) == 4  # follow, unfollow, follow, and the end that the deletion brings
    people = [event for event in heard() if event.type.startswith("user.") and event.data["user_id"] == fan.id]
    assert {event.type for event in people} == {"user.changed", "user.deleted"}
    assert not any({"email", "password_hash"} & event.data.keys() for event in people)


class TestLongWork:
    def test_a_recount_finds_what_somebody_falsified(self, users: Users, sign_up: Callable[..., User], database: Any) -> None:
        fan, creator, nobody = sign_up(), sign_up(), str(uuid.uuid4())
        users.follow(user_id=fan.id, creator_id=creator.id)
        eventually(lambda: counts(users, creator) == (1, 0))
        wrong = {"followers": Int64(41), "following": Int64(-3)}
        database.counts.update_one({"_id": creator.id}, {"$set": wrong})
        database.counts.delete_one({"_id": fan.id})
        database.counts.insert_one({"_id": nobody, **wrong})
        job = done(users, JobKind.RECOUNT)
        assert job.repaired >= 3
        eventually(lambda: counts(users, creator) == (1, 0) and counts(users, fan) == (0, 1))
        assert database.counts.find_one({"_id": nobody}) is None
        assert done(users, JobKind.RECOUNT).repaired == 0

    def test_a_rebuild_finds_what_is_missing_wrong_or_too_much_and_tells_of_it(
        self,
        users: Users,
        sign_up: Callable[..., User],
        database: Any,
        heard: Callable[[], list[Event]],
    ) -> None:
        creator, fans = sign_up(), [sign_up() for _ in range(4)]
        states = [users.follow(user_id=fan.id, creator_id=creator.id) for fan in fans]
        eventually(lambda: counts(users, creator) == (4, 0))
        lost, ended, stray = fans[0], fans[1], sign_up()
        database.followers.delete_one({"_id": f"{creator.id}:{lost.id}"})
        entry = database.followers.find_one({"_id": f"{creator.id}:{ended.id}"})
        users.unfollow(user_id=ended.id, creator_id=creator.id)
        eventually(lambda: database.followers.find_one({"_id": entry["_id"]}) is None)
        database.followers.insert_many([entry, {**entry, "_id": f"{creator.id}:{stray.id}", "user_id": stray.id}])
        job = done(users, JobKind.REBUILD_FOLLOWERS)
        assert job.repaired >= 3
        expected = {fans[0].id, fans[2].id, fans[3].id}
        assert set(ids_of(users.list_followers(creator_id=creator.id))) == expected
        eventually(lambda: counts(users, creator) == (3, 0))
        assert [counts(users, person) for person in (lost, ended, stray)] == [(0, 1), (0, 0), (0, 0)]
        again = {(event.type, event.data["version"]) for event in heard() if event.type == "follow.created"}
        assert ("follow.created", states[0].version) in again
        assert done(users, JobKind.REBUILD_FOLLOWERS).repaired == 0

    def test_work_is_safe_beside_traffic(self, users: Users, sign_up: Callable[..., User]) -> None:
        creator, fans = sign_up(), [sign_up() for _ in range(6)]
        users.start_job(kind=JobKind.REBUILD_FOLLOWERS)
        users.start_job(kind=JobKind.RECOUNT)
        for number in range(60):
            change = users.unfollow if number // len(fans) % 2 else users.follow
            change(user_id=fans[number % len(fans)].id, creator_id=creator.id)
        for kind in JobKind:
            done(users, kind)
        caught_up(users, sign_up)
        eventually(lambda: counts(users, creator) == (0, 0))
        assert users.list_followers(creator_id=creator.id).people == []
        assert done(users, JobKind.REBUILD_FOLLOWERS).repaired == 0

    def test_asking_again_finds_the_work_under_way(self, users: Users) -> None:
        first = users.start_job(kind=JobKind.RECOUNT)
        again = users.start_job(kind=JobKind.RECOUNT)
        assert again.requested_at == first.requested_at or first.state is JobState.DONE
        done(users, JobKind.RECOUNT)

    def test_a_fan_may_not_ask(self, stack: Stack, metrics: Any) -> None:
        client = RpcClient(stack.environment("gateway")["LIVEDROPS_BROKER_URL"], "tests", metrics)
        client.start()
        assert client.wait_open(10)
        try:
            with calls.under(calls.begin(viewer=calls.Viewer(str(uuid.uuid4())))), pytest.raises(Forbidden):
                client.service("users", Users).delete_user(user_id=str(uuid.uuid4()))
        finally:
            client.stop()


@contextmanager
def reader_stopped(stack: Stack) -> Iterator[None]:
    stack.stop("users-capture")
    try:
        yield
    finally:
        stack.start("users-capture")
        stack.wait_ready("users-capture")


def test_a_place_that_the_store_has_forgotten_is_noticed_and_healed(
    stack: Stack,
    users: Users,
    sign_up: Callable[..., User],
    database: Any,
    heard: Callable[[], list[Event]],
) -> None:
    fan, creator, early = sign_up(), sign_up(), sign_up()
    users.follow(user_id=early.id, creator_id=creator.id)
    eventually(lambda: counts(users, creator) == (1, 0))
    with reader_stopped(stack):
        missed = users.follow(user_id=fan.id, creator_id=creator.id)
        users.unfollow(user_id=early.id, creator_id=creator.id)
        fill_oplog(database.client)
    eventually(lambda: ids_of(users.list_followers(creator_id=creator.id)) == [fan.id], timeout_s=60)
    eventually(lambda: counts(users, creator) == (1, 0) and counts(users, early) == (0, 0))
    assert "CHANGES WERE MISSED" in stack.log("users-capture").read_text()
    eventually(lambda: any(event.data.get("version") == missed.version for event in heard()))


class TestCache:
    def test_a_change_is_seen_through_the_cache(self, stack: Stack, users: Users, sign_up: Callable[..., User]) -> None:
        user = sign_up("Ann")
        assert profile(users, user).display_name == "Ann"
        cache = redis.Redis.from_url(stack.environment("users")["LIVEDROPS_REDIS_URL"])
        eventually(lambda: profile(users, user) and cache.exists(entry_key(PERSON, user.id)))
        assert 0 < cache.pttl(entry_key(PERSON, user.id)) <= 330_000
        users.update_user(user_id=user.id, change=UserChange(display_name="Anna"))
        eventually(lambda: profile(users, user).display_name == "Anna")
        cache.close()

    def test_a_new_reader_trusts_nothing_that_the_last_one_left(self, stack: Stack, users: Users, sign_up: Callable[..., User]) -> None:
        user = sign_up("Ann")
        cache = redis.Redis.from_url(stack.environment("users")["LIVEDROPS_REDIS_URL"])
        with reader_stopped(stack):
            eventually(lambda: profile(users, user) and cache.exists(entry_key(PERSON, user.id)))
            users.update_user(user_id=user.id, change=UserChange(display_name="Anna"))
        eventually(lambda: profile(users, user).display_name == "Anna")
        cache.close()
