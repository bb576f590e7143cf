"""Push workers are killed while they tell a crowd, and the broker is restarted: nobody is missed, and nobody is told twice but by the same id."""

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from services.contracts.errors import LiveDropsError
from services.contracts.notifications import Endpoint, EndpointKind, FanOut, FanOutState, NoticeKind, Notifications
from services.contracts.users import Users
from services.kernel.cache import batched
from services.kernel.failpoints import KNOWN
from services.kernel.metrics import Metrics
from services.kernel.mongo import Mongo
from services.kernel.publisher import EventPublisher
from services.kernel.rpc_client import RpcClient
from services.notifications.push import webhooks
from services.notifications.push.delivering import BATCH, BATCHES_AT_ONCE
from services.notifications.push.rules import Target
from services.notifications.store import Store
from services.users.loading import Checkpoint, Edge, GraphStore
from stack.api import Stack
from tests.chaos.disturbances import Failpoints, running_with
from tests.conftest import eventually
from tests.integration.receiving import Receiver, receiver
from tests.integration.test_notifications import started

# Fifty kills, each with a start of the unit to wait for.
pytestmark = pytest.mark.timeout(3600)
UNIT = "notifications-push"
PLACES = tuple(name for name in KNOWN if name.startswith("push."))
# What a worker had claimed when it died waits for the end of the claim in a delay queue; killed there again, for that of the next one.
TOLD_WITHIN_S = 600.0
# One in so many has an endpoint.
ONE_IN = 4
AT_ONCE = 2_000
UNDER_WAY = BATCH * BATCHES_AT_ONCE


@pytest.fixture(scope="module")
def notifications(operations: RpcClient) -> Notifications:
    return operations.service("notifications", Notifications)


@pytest.fixture
def clock(publisher_of: Callable[[str], EventPublisher]) -> EventPublisher:
    return publisher_of("products-clock")


@pytest.fixture
def hooks() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@dataclass(frozen=True)
class Fans:
    """A creator, and the paths at which those of their followers are told who have an endpoint."""

    creator_id: str
    paths: set[str]


@pytest.fixture
def make_fans(stack: Stack, metrics: Metrics, users: Users, hooks: Receiver) -> Iterator[Callable[[int], Fans]]:
    """So many followers of a new creator, once they are in the list."""
    environment = stack.environment("notifications")
    people = Mongo(stack.environment("users")["LIVEDROPS_USERS_MONGO_URL"], "users", metrics)
    notes = Mongo(environment["LIVEDROPS_NOTIFICATIONS_MONGO_URL"], "notifications", metrics)
    graph, endpoints = GraphStore(people), Store.of(notes, dict.fromkeys(NoticeKind, timedelta(days=1))).endpoints

    def make(count: int) -> Fans:
        creator_id, fans = str(uuid.uuid4()), [str(uuid.uuid4()) for _ in range(count)]
        checkpoint, told = Checkpoint.begin(None, "fans"), fans[::ONE_IN]
        graph.add_people([creator_id], datetime.now(UTC))
        for some in batched(list(enumerate(fans)), AT_ONCE):
            graph.add_people([fan for _, fan in some], datetime.now(UTC))
            graph.add_follows([Edge(line, fan, creator_id, "") for line, fan in some], checkpoint)
        for more in batched(told, AT_ONCE):
            endpoints.load({fan: _hook(f"{hooks.url}/{fan}") for fan in more})
        eventually(lambda: users.get_profiles(user_ids=[creator_id], fresh=True)[0].follower_count == count, timeout_s=300)
        return Fans(creator_id, {f"/{fan}" for fan in told})

    yield make
    people.close()
    notes.close()


def _hook(url: str) -> Target:
    return Target(Endpoint(str(uuid.uuid4()), EndpointKind.WEBHOOK, url, True, datetime.now(UTC)), webhooks.new_secret())


def told_all(fans: Fans, hooks: Receiver, notifications: Notifications, fan_out_id: str) -> FanOut:
    """The fan-out, once each of them was told and it is over."""

    def over() -> FanOut | None:
        if {one.path for one in list(hooks.received)} != fans.paths:
            return None
        try:
            found = notifications.get_fan_out(fan_out_id=fan_out_id)
        except LiveDropsError:
            return None
        return found if found.state is FanOutState.DONE else None

    return eventually(over, TOLD_WITHIN_S, every_s=0.2)  # type: ignore[no-any-return]


def check_once_each(hooks: Receiver, most_doubled: int) -> None:
    """One id at each endpoint. What came twice did so with the same id, and no more of it than dying workers had under way."""
    ids = {(one.path, one.id) for one in hooks.received}
    assert len(ids) == len({path for path, _ in ids})
    doubled = sum(count - 1 for count in Counter(one.path for one in hooks.received).values())
    print(f"{len(hooks.received)} deliveries to {len(ids)} endpoints, {doubled} of them again")
    assert doubled <= most_doubled


def test_workers_killed_at_random_and_a_restarted_broker_miss_nobody(
    stack: Stack,
    hooks: Receiver,
    notifications: Notifications,
    make_fans: Callable[[int], Fans],
    clock: EventPublisher,
    rounds: Callable[[int, int], range],
) -> None:
    kills, luck = len(rounds(3, 50)), random.Random()
    fans = make_fans(len(rounds(6_000, 100_000)))
    event, before_next = started(fans.creator_id), len(fans.paths) // (2 * kills)
    with running_with(stack, {UNIT: {"LIVEDROPS_PUSH_CHUNK": "500"}}):
        clock.publish([event])
        for number in range(kills):
            enough = len(hooks.received) + luck.randint(0, before_next)
            eventually(lambda enough=enough: len(hooks.received) >= enough, TOLD_WITHIN_S, every_s=0.01)  # type: ignore[misc]
            stack.kill(UNIT)
            if number == kills // 2:
                stack.stop("rabbitmq")
                stack.start("rabbitmq")
                stack.wait_ready("rabbitmq")
            stack.wait_ready(UNIT)
        over = told_all(fans, hooks, notifications, event.id)
    assert over.people == over.looked_at == len(rounds(6_000, 100_000))
    # What a worker has under way when it dies; the broker's end interrupts once more.
    check_once_each(hooks, most_doubled=(kills + 1) * UNDER_WAY)


def test_workers_that_are_asked_to_stop_tell_nobody_twice(
    stack: Stack,
    hooks: Receiver,
    notifications: Notifications,
    make_fans: Callable[[int], Fans],
    clock: EventPublisher,
    rounds: Callable[[int, int], range],
) -> None:
    stops, luck = len(rounds(3, 20)), random.Random()
    fans = make_fans(len(rounds(6_000, 40_000)))
    event, before_next = started(fans.creator_id), len(fans.paths) // (2 * stops)
    with running_with(stack, {UNIT: {"LIVEDROPS_PUSH_CHUNK": "2000"}}):
        clock.publish([event])
        for _ in range(stops):
            enough = len(hooks.received) + luck.randint(0, before_next)
            eventually(lambda enough=enough: len(hooks.received) >= enough, TOLD_WITHIN_S, every_s=0.01)  # type: ignore[misc]
            stack.restart(UNIT)
            stack.wait_ready(UNIT)
        told_all(fans, hooks, notifications, event.id)
    check_once_each(hooks, most_doubled=0)


def test_a_worker_that_dies_at_each_place_misses_nobody(
    stack: Stack,
    hooks: Receiver,
    notifications: Notifications,
    make_fans: Callable[[int], Fans],
    clock: EventPublisher,
    rounds: Callable[[int, int], range],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    deaths = Failpoints(tmp_path_factory.mktemp("deaths"))
    with running_with(stack, {UNIT: {**deaths.environment(), "LIVEDROPS_PUSH_CHUNK": "100"}}):
        for _ in rounds(1, 5):
            fans = make_fans(1_000)
            hooks.received.clear()
            event = started(fans.creator_id)
            for place in PLACES:
                deaths.arm(place)
            clock.publish([event])
            for place in PLACES:
                deaths.wait_for_death(place)
            over = told_all(fans, hooks, notifications, event.id)
            assert (over.people, over.chunks) == (1_000, 10)
            check_once_each(hooks, most_doubled=len(PLACES) * UNDER_WAY)
