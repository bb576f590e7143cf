"""What tells people dies while they are told: everything is told once, under numbers without gaps, and heard live in the end."""

import random
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import redis

from services.contracts import live
from services.contracts.events import Event, OrderConfirmed
from services.contracts.live import Broadcast, PersonMessage
from services.contracts.notifications import Notifications
from services.contracts.orders import Order, OrderStatus
from services.contracts.values import Money
from services.kernel import ids
from services.kernel.publisher import EventPublisher
from services.kernel.rpc_client import RpcClient
from stack.api import Stack
from tests.chaos.disturbances import Failpoints, running_with
from tests.conftest import eventually
from tests.integration.streams import sold_out

pytestmark = pytest.mark.timeout(900)
UNIT = "notifications-events"
PLACES = ("notifications.before_commit", "notifications.after_commit", "events.before_ack")
BUYERS, ORDERS_EACH, BROADCASTS = 8, 12, 40
# A place that no broadcast is behind.
NO_BROADCASTS = f"0-{2**50}"
# A start of the unit, and what was under way once more.
TOLD_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def notifications(operations: RpcClient) -> Notifications:
    return operations.service("notifications", Notifications)


@pytest.fixture(scope="module")
def deaths(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failpoints]:
    """Armed in this unit alone: others consume the same events."""
    points = Failpoints(tmp_path_factory.mktemp("deaths"))
    with running_with(stack, {UNIT: points.environment()}):
        yield points


@pytest.fixture
def relay(publisher_of: Callable[[str], EventPublisher]) -> EventPublisher:
    return publisher_of("orders-relay")


def confirmed(user_id: str) -> Event:
    drop_id, now = str(uuid.uuid4()), datetime.now(UTC)
    order_id = f"{ids.new_id_hex()}-{drop_id.replace('-', '')}"
    order = Order(order_id, drop_id, user_id, 1, OrderStatus.CONFIRMED, Money(1, "EUR"), now, "A hat")
    return Event(str(uuid.uuid4()), "order.confirmed", now, msgspec.to_builtins(OrderConfirmed(order, str(uuid.uuid4()), 1)))


def doubled(events: list[Event]) -> list[list[Event]]:
    """All of them, half of them twice, in messages of some, mixed."""
    luck = random.Random()
    mixed = events + luck.sample(events, len(events) // 2)
    luck.shuffle(mixed)
    return [mixed[start : start + 5] for start in range(0, len(mixed), 5)]


def tell_and_die(place: str, events: list[Event], deaths: Failpoints, relay: EventPublisher) -> None:
    """Tell all of it, with doubles, while the unit dies at this place."""
    deaths.arm(place)
    for message in doubled(events):
        relay.publish(message)
    deaths.wait_for_death(place)


@pytest.fixture
def listen(stack: Stack) -> Iterator[Callable[[list[str]], Callable[[], list[bytes]]]]:
    """Subscribes to channels; the answer tells what was heard on them since."""
    client = redis.Redis.from_url(stack.environment("orders")["LIVEDROPS_REDIS_URL"])
    subscriptions: list[Any] = []

    def subscribe(channels: list[str]) -> Callable[[], list[bytes]]:
        subscription = client.pubsub()  # type: ignore[no-untyped-call]
        subscription.subscribe(*channels)
        subscriptions.append(subscription)
        for _ in channels:
            assert subscription.get_message(timeout=5)["type"] == "subscribe"
        found: list[bytes] = []

        def heard() -> list[bytes]:
            while (message := subscription.get_message(timeout=0.05)) is not None:
                found.append(message["data"])
            return found

        return heard

    yield subscribe
    for subscription in subscriptions:
        subscription.close()
    client.close()


@pytest.mark.parametrize("place", PLACES)
def test_notes_are_told_once_without_a_gap_wherever_it_dies(
    place: str,
    deaths: Failpoints,
    relay: EventPublisher,
    notifications: Notifications,
    listen: Callable[[list[str]], Callable[[], list[bytes]]],
    rounds: Callable[[int, int], range],
) -> None:
    for _ in rounds(1, 10):
        orders = {user_id: [confirmed(user_id) for _ in range(ORDERS_EACH)] for user_id in (str(uuid.uuid4()) for _ in range(BUYERS))}
        buyers = list(orders)
        heard = listen([live.person(user_id) for user_id in buyers])
        tell_and_die(place, [event for told in orders.values() for event in told], deaths, relay)
        eventually(lambda buyers=buyers: notifications.last_numbers(user_ids=buyers) == [ORDERS_EACH] * BUYERS, TOLD_WITHIN_S)  # type: ignore[misc]
        notes = {user_id: notifications.replay(user_id=user_id, after=NO_BROADCASTS, first=500).notifications for user_id in buyers}
        for user_id, events in orders.items():
            assert [one.number for one in notes[user_id]] == list(range(1, ORDERS_EACH + 1))
            assert {one.notice.id for one in notes[user_id]} == {event.id for event in events}
        written = {(one.number, one.notice.id) for told in notes.values() for one in told}
        eventually(lambda written=written, heard=heard: numbers_of(heard()) == written, TOLD_WITHIN_S)  # type: ignore[misc]


def numbers_of(messages: list[bytes]) -> set[tuple[int, str]]:
    """Numbers and notices that were heard, however often."""
    told = [msgspec.json.decode(message, type=PersonMessage) for message in messages]
    return {(one.number, one.notice.id) for one in told if one.notice is not None}


@pytest.mark.parametrize("place", PLACES)
def test_broadcasts_are_told_once_without_a_gap_wherever_it_dies(
    place: str,
    deaths: Failpoints,
    relay: EventPublisher,
    notifications: Notifications,
    listen: Callable[[list[str]], Callable[[], list[bytes]]],
    rounds: Callable[[int, int], range],
) -> None:
    for _ in rounds(1, 10):
        heard = listen([live.BROADCASTS])
        begin = notifications.list_broadcasts(after=0, first=1).last
        events = [sold_out(str(uuid.uuid4())) for _ in range(BROADCASTS)]
        tell_and_die(place, events, deaths, relay)
        eventually(lambda begin=begin: notifications.list_broadcasts(after=0, first=1).last == begin + BROADCASTS, TOLD_WITHIN_S)  # type: ignore[misc]
        told = notifications.list_broadcasts(after=begin, first=500).broadcasts
        assert [one.number for one in told] == list(range(begin + 1, begin + BROADCASTS + 1))
        assert {one.notice.id for one in told} == {event.id for event in events}
        written = {(one.number, one.notice.id) for one in told}

        def all_heard(written: set[tuple[int, str]] = written, heard: Callable[[], list[bytes]] = heard) -> bool:
            messages = [msgspec.json.decode(message, type=Broadcast) for message in heard()]
            return written <= {(one.number, one.notice.id) for one in messages}

        eventually(all_heard, TOLD_WITHIN_S)
