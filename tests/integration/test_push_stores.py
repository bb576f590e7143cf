"""What pushing keeps in MongoDB: pieces in which everybody is once, claims that one worker has, steps that are made once."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.contracts.errors import TooManyEndpoints
from services.contracts.events import Audience
from services.contracts.notifications import MOST_ENDPOINTS, Endpoint, EndpointKind, FanOutState, Notice, NoticeKind
from services.contracts.users import ListPlace, Piece
from services.kernel.metrics import Metrics
from services.kernel.mongo import Mongo
from services.kernel.mongo_pieces import ListPieces
from services.notifications import layout
from services.notifications.push import deliveries
from services.notifications.push.deliveries import State
from services.notifications.push.fan_outs import Counts, Progress
from services.notifications.push.rules import Target, Task, tasks_for
from services.notifications.store import Store
from stack.api import Stack
from tests.conftest import eventually

NOW = datetime.now(UTC).replace(microsecond=0)
LIVES = dict.fromkeys(NoticeKind, timedelta(days=1))
END = "\U0010ffff"


def some_id() -> str:
    return str(uuid.uuid4())


def notice() -> Notice:
    return Notice(some_id(), NoticeKind.DROP_STARTED, NOW, "A hat", some_id(), some_id())


def hook(url: str = "https://example.org/") -> Target:
    return Target(Endpoint(some_id(), EndpointKind.WEBHOOK, url, True, NOW), "whsec_x")


@pytest.fixture(scope="module")
def mongo(stack: Stack, metrics: Metrics) -> Iterator[Mongo]:
    url = stack.environment("notifications")["LIVEDROPS_NOTIFICATIONS_MONGO_URL"]
    made = Mongo(url, f"push_{uuid.uuid4().hex}", metrics)
    list(layout.bootstrap(made))
    yield made
    name = made.database.name
    made.close()
    with pymongo.MongoClient[dict[str, Any]](url) as client:
        client.drop_database(name)


@pytest.fixture(scope="module")
def store(mongo: Mongo) -> Store:
    return Store.of(mongo, LIVES)


class TestPieces:
    @given(
        # Few moments, so that many have the same one.
        moments=st.lists(st.integers(0, 4), max_size=25),
        size=st.integers(1, 8),
        gone=st.lists(st.integers(0, 24), max_size=5),
    )
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_everybody_who_stays_is_in_exactly_one_piece(self, mongo: Mongo, moments: list[int], size: int, gone: list[int]) -> None:
        """Some leave the list while it is walked through."""
        collection, owner = mongo.collection("pieces"), some_id()
        people = [{"_id": some_id(), "owner": owner, "user_id": some_id(), "at": NOW - timedelta(seconds=one)} for one in moments]
        if people:
            collection.insert_many(people)
        left = {people[number]["user_id"] for number in gone if number < len(people)}
        pieces, place, found = ListPieces(mongo, collection, "at", "pieces"), (NOW, END), list[str]()
        collection.insert_one({"_id": some_id(), "owner": owner, "user_id": "late", "at": NOW + timedelta(seconds=1)})
        while (cut := pieces.cut({"owner": owner}, size, place)) is not None:
            until, count = cut
            assert 0 < count <= size
            collection.delete_many({"owner": owner, "user_id": {"$in": list(left)}})
            found += [user_id for _, user_id in pieces.between({"owner": owner}, 100, place, until)]
            place = until
        assert len(found) == len(set(found))
        assert {str(one["user_id"]) for one in people} - left == set(found) - left

    def test_a_piece_is_read_in_steps(self, mongo: Mongo) -> None:
        collection, owner = mongo.collection("pieces"), some_id()
        collection.insert_many({"_id": some_id(), "owner": owner, "user_id": f"{n:03}", "at": NOW} for n in range(50))
        pieces, place, found = ListPieces(mongo, collection, "at", "pieces"), (NOW, END), list[str]()
        while some := pieces.between({"owner": owner}, 7, place, (NOW, "010")):
            found += [user_id for _, user_id in some]
            place = some[-1]
        assert found == [f"{n:03}" for n in range(49, 9, -1)]


class TestClaims:
    def tasks(self, count: int) -> list[Task]:
        told = notice()
        return [task for _ in range(count) for task in tasks_for(told, {some_id(): [hook()]}, {}, None)]

    def test_each_delivery_is_claimed_by_one_worker(self, store: Store) -> None:
        tasks = self.tasks(60)
        with ThreadPoolExecutor(6) as pool:
            claims = list(pool.map(store.deliveries.claim, [tasks] * 6))
        mine = [task.id for claim in claims for task in claim.mine]
        assert sorted(mine) == sorted(task.id for task in tasks)
        assert all({task.id for task in [*claim.mine, *claim.busy]} == set(mine) for claim in claims)

    def test_what_is_over_is_claimed_by_nobody_any_more(self, store: Store) -> None:
        done, failed, open_one = self.tasks(3)
        claim = store.deliveries.claim([done, failed, open_one])
        assert store.deliveries.mark(claim, [done], State.DELIVERED) == 1
        assert store.deliveries.mark(claim, [failed], State.FAILED) == 1
        again = store.deliveries.claim([done, failed, open_one])
        assert (again.mine, again.busy) == ([], [open_one])

    def test_what_is_given_back_is_free_at_once_and_what_runs_out_soon(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(deliveries, "CLAIM_S", 1.0)
        given_back, kept = self.tasks(2)
        claim = store.deliveries.claim([given_back, kept])
        store.deliveries.give_back(claim, [given_back])
        again = store.deliveries.claim([given_back, kept])
        assert (again.mine, again.busy) == ([given_back], [kept])
        late = eventually(lambda: [one for one in [store.deliveries.claim([kept])] if one.mine])
        assert late[0].mine == [kept]
        # Who comes back from the dead marks nothing that is another's.
        assert store.deliveries.mark(claim, [kept], State.DELIVERED) == 0


class TestFanOuts:
    def test_a_step_of_two_planners_is_made_once(self, store: Store) -> None:
        told = notice()
        one, other = store.fan_outs.begin(told), store.fan_outs.begin(told)
        pieces = [Piece(ListPlace(NOW, some_id()), 3) for _ in range(2)]
        assert store.fan_outs.advance(one.with_pieces(pieces, more=True))
        assert not store.fan_outs.advance(other.with_pieces(pieces[:1], more=True))
        plan = store.fan_outs.begin(told)
        assert [chunk.number for chunk in plan.pending] == [0, 1]
        assert (plan.place, plan.chunks, plan.audience) == (pieces[1].until, 2, Audience.FOLLOWERS)
        assert plan.pending[1].after == plan.pending[0].until

    def test_a_fan_out_goes_from_its_plan_to_its_end(self, store: Store) -> None:
        told = notice()

        def state() -> FanOutState:
            found = store.fan_outs.get(told.id)
            assert found is not None
            return found.state

        plan = store.fan_outs.begin(told).with_pieces([Piece(ListPlace(NOW, some_id()), 3)], more=False)
        store.fan_outs.advance(plan)
        assert (plan.audience, state()) == (Audience.REMINDED, FanOutState.PLANNING)
        (chunk,) = plan.pending
        plan = plan.with_pieces([], more=False)
        store.fan_outs.advance(plan)
        assert (plan.planned, state()) == (True, FanOutState.DELIVERING)
        first, place = store.fan_outs.progress(chunk), ListPlace(NOW, some_id())
        second = store.fan_outs.checkpoint(chunk, first, place, Counts(2, delivered=1))
        assert (first, second) == (Progress(chunk.after), Progress(place, 1))
        # Another worker makes the first step, too: it goes on from where that one is, and nothing is counted twice.
        assert store.fan_outs.checkpoint(chunk, first, place, Counts(2, delivered=1)) == second
        assert store.fan_outs.checkpoint(chunk, second, None, Counts(1, retried=1)).done
        found = store.fan_outs.get(told.id)
        assert found is not None
        assert (found.state, found.people, found.chunks, found.chunks_done) == (FanOutState.DONE, 3, 1, 1)
        assert (found.looked_at, found.delivered, found.failed, found.retried) == (3, 1, 0, 1)
        store.broadcasts.withdraw(told.drop_id or "", told.creator_id or "")
        assert state() is FanOutState.CANCELLED


class TestEndpoints:
    def test_whoever_adds_at_the_same_moment_nobody_has_too_many(self, store: Store) -> None:
        user_id = some_id()

        def add(target: Target) -> bool:
            try:
                store.endpoints.put(user_id, target)
            except TooManyEndpoints:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            added = list(pool.map(add, [hook() for _ in range(MOST_ENDPOINTS + 5)]))
        assert added.count(True) == MOST_ENDPOINTS == len(store.endpoints.of(user_id))

    def test_a_row_of_failures_begins_once_and_ends_with_a_success(self, store: Store) -> None:
        user_id, target = some_id(), hook()
        store.endpoints.put(user_id, target)

        def task() -> Task:
            return tasks_for(notice(), {user_id: store.endpoints.of(user_id)}, {}, None)[0]

        store.endpoints.note([], [task()], NOW)
        store.endpoints.note([], [task()], NOW + timedelta(hours=1))
        failing = task().target
        assert (failing.failures, failing.endpoint.failing_since) == (2, NOW)
        store.endpoints.note([task()], [], NOW)
        assert task().target == target

    def test_only_who_has_one_that_is_on_is_found(self, store: Store) -> None:
        on, off, none = some_id(), some_id(), some_id()
        for user_id in (on, off):
            store.endpoints.put(user_id, hook())
        store.endpoints.switch_off(off, store.endpoints.of(off)[0].endpoint.id, "it failed")
        assert set(store.endpoints.enabled_of([on, off, none])) == {on}
