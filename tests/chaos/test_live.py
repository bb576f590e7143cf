"""A client that is cut off again and again: it has seen everything once, in order, and ends on the current stock."""

import random
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from services.contracts.errors import LiveDropsError
from services.contracts.notifications import Notifications
from services.contracts.orders import Orders, PlaceOrder, Stock
from services.contracts.users import User, Users
from services.kernel.publisher import EventPublisher
from services.kernel.rpc_client import RpcClient
from stack.api import Stack
from tests.chaos.coming_back import Follower, numbers_of
from tests.conftest import Person, eventually
from tests.integration.streams import opener, sold_out

pytestmark = pytest.mark.timeout(900)
# How long a connection lives at most before it is lost.
LONGEST_LIFE_S = 0.4
# All that was written is told within this, whatever was restarted.
TOLD_WITHIN_S = 60.0
PAUSE_S = 0.02


@pytest.fixture(scope="module")
def notifications(operations: RpcClient) -> Notifications:
    return operations.service("notifications", Notifications)


@pytest.fixture
def fan(person: Callable[..., Person], sign_up: Callable[..., User]) -> Person:
    return person(user_id=sign_up().id)


@pytest.fixture
def creator(sign_up: Callable[..., User], users: Users, fan: Person, notifications: Notifications) -> str:
    """Somebody whom the fan follows."""
    followed = sign_up().id
    users.follow(user_id=fan.id, creator_id=followed)
    eventually(lambda: followed in notifications.get_live_interests(user_ids=[fan.id])[0].creator_ids)
    return followed


@contextmanager
def busy_life(orders: Orders, relay: EventPublisher, drop: Stock, fan: Person, creator: str) -> Iterator[list[str]]:
    """While the block runs, the fan buys and the creator's drops sell out. The ids of what was published for sure."""
    over, published = threading.Event(), list[str]()

    def live() -> None:
        while not over.wait(PAUSE_S):
            try:
                orders.place_order(request=PlaceOrder(drop.drop_id, fan.id, 1, uuid.uuid4().hex))
                event = sold_out(creator)
                relay.publish([event])
                published.append(event.id)
            except LiveDropsError:
                continue  # what was not taken is not expected either

    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield published
    finally:
        over.set()
        thread.join()


def test_who_loses_the_line_again_and_again_has_seen_everything_once_and_in_order(
    stack: Stack,
    address: str,
    orders: Orders,
    publisher_of: Callable[[str], EventPublisher],
    open_drop: Callable[..., Stock],
    fan: Person,
    creator: str,
    notifications: Notifications,
    rounds: Callable[[int, int], range],
) -> None:
    luck, drop, losses = random.Random(), open_drop(total=1_000_000), rounds(12, 100)
    begin = notifications.get_live_interests(user_ids=[fan.id])[0].position
    with opener(address) as open_stream:
        follower = Follower(open_stream, fan, drop, begin)
        with busy_life(orders, publisher_of("orders-relay"), drop, fan, creator) as published:
            for loss in losses:
                stream = follower.come_back()
                stream.is_over.wait(luck.uniform(0, LONGEST_LIFE_S))
                if loss == len(losses) // 3:
                    stack.restart("redis")
                if loss == 2 * len(losses) // 3:
                    stack.kill("live")
                follower.lose(stream)
        last = follower.come_back()
        stock = orders.get_stock(drop_id=drop.drop_id)
        last.wait_for("stock", lambda told: (told["version"], told["available"]) == (stock.version, stock.available), TOLD_WITHIN_S)
        # Each order was of one unit.
        eventually(lambda: notifications.last_numbers(user_ids=[fan.id]) == [stock.sold], TOLD_WITHIN_S)
        eventually(lambda: {*published} <= {*all_after(notifications, fan.id, begin)}, TOLD_WITHIN_S)
        written = all_after(notifications, fan.id, begin)
        eventually(lambda: len(follower.seen) + len(last.of("notification")) >= len(written), TOLD_WITHIN_S)
        follower.lose(last)
    assert sorted(event.data["id"] for event in follower.seen) == sorted(written)
    for personal in (True, False):
        numbers = numbers_of(follower.seen, personal)
        assert numbers == sorted(set(numbers))


def all_after(notifications: Notifications, user_id: str, position: str) -> list[str]:
    """The ids of all that the person's stream has."""
    found: list[str] = []
    while True:
        page = notifications.replay(user_id=user_id, after=position, first=500)
        found += [told.notice.id for told in page.notifications]
        position = page.position
        if not page.more:
            return found
