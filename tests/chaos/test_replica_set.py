"""The primary of users hands over, or dies, while people follow and unfollow: nothing acknowledged is lost, and all goes on by itself."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.read_concern import ReadConcern

from stack.api import Stack
from tests.chaos.disturbances import running_with
from tests.chaos.following import Circle, following
from tests.chaos.replica_set import ReplicaSet, replica_set
from tests.conftest import eventually

# Each election takes some twelve seconds, and there are ten of them in the long form.
pytestmark = pytest.mark.timeout(1200)
UNITS = ("users", "users-capture")
# From the disturbance on: an election, and finding out who won it.
BACK_WITHIN_S = 30.0
CLIENTS = 8


@pytest.fixture(scope="module")
def servers(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """What users and its reader work with during these tests."""
    folder = tmp_path_factory.mktemp("mongo")
    with replica_set(folder) as servers, running_with(stack, {unit: {"LIVEDROPS_USERS_MONGO_URL": servers.url} for unit in UNITS}):
        yield servers


@pytest.fixture(scope="module")
def elsewhere(circle: Circle, servers: ReplicaSet) -> Iterator[Circle]:
    """The circle, over that store."""
    with MongoClient[dict[str, Any]](servers.url, tz_aware=True) as client:
        yield replace(circle, store=client.get_database("users", read_concern=ReadConcern("majority")))


@pytest.mark.parametrize("disturb", [ReplicaSet.primary_stepped_down, ReplicaSet.primary_killed])
def test_nothing_acknowledged_is_lost_with_the_primary(
    disturb: Callable[[ReplicaSet], AbstractContextManager[None]],
    stack: Stack,
    servers: ReplicaSet,
    elsewhere: Circle,
    rounds: Callable[[int, int], range],
) -> None:
    before = [stack.pid(unit) for unit in UNITS]
    with following(elsewhere, people=20, creators=4, clients=CLIENTS) as crowd:
        for _ in rounds(1, 5):
            crowd.wait_for_events()
            with disturb(servers):
                crowd.wait_for_answers(timeout_s=BACK_WITHIN_S)
            servers.wait_until_whole()
        crowd.wait_for_events()
    assert [stack.pid(unit) for unit in UNITS] == before


def test_follows_are_read_while_there_is_no_primary(servers: ReplicaSet, elsewhere: Circle) -> None:
    users, fan, creator = elsewhere.users, elsewhere.sign_up().id, elsewhere.sign_up().id
    users.follow(user_id=fan, creator_id=creator)
    eventually(lambda: users.list_followers(creator_id=creator).people)
    with servers.primary_killed():
        assert users.is_following(user_id=fan, creator_id=creator).following
        assert users.are_following(user_id=fan, creator_ids=[creator]) == [True]
        assert [one.user_id for one in users.list_following(user_id=fan).people] == [creator]
        assert [one.user_id for one in users.list_followers(creator_id=creator).people] == [fan]
    servers.wait_until_whole()
