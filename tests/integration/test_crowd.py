"""How large a crowd the drop clock expects, as it tells the metrics."""

import socket
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from services.contracts.products import NewDrop, NewProduct, Products
from services.contracts.users import Role, User, Users
from services.contracts.values import Money
from stack.api import Stack
from tests.chaos.disturbances import running_with
from tests.conftest import eventually

# No other test schedules a drop for so late; the bounds of a drop's window leave room for it.
FAR_S = 80_000


class Gauge:
    """What a process tells a statsd server about one gauge."""

    def __init__(self, line: socket.socket, name: str) -> None:
        self._line = line
        self._name = name
        self.told: list[int] = []

    def latest(self) -> int | None:
        try:
            while True:
                for text in self._line.recv(65_536).decode().split("\n"):
                    name, _, rest = text.partition(":")
                    if name == self._name:
                        self.told.append(int(float(rest.split("|")[0])))
        except BlockingIOError:
            return self.told[-1] if self.told else None


@pytest.fixture
def crowd(stack: Stack) -> Iterator[Gauge]:
    """What the clock tells, which expects a crowd so long before a start."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        line.setblocking(False)
        port = str(line.getsockname()[1])
        settings = {"LIVEDROPS_STATSD_PORT": port, "LIVEDROPS_CROWD_BEFORE_S": str(FAR_S + 600), "LIVEDROPS_CROWD_AFTER_S": "0"}
        with running_with(stack, {"products-clock": settings}):
            yield Gauge(line, "livedrops.products.crowd")


def test_the_followers_of_whoever_starts_soon_are_expected_until_the_drop_is_off(
    crowd: Gauge, users: Users, products: Products, sign_up: Callable[..., User]
) -> None:
    before = eventually(lambda: None if (told := crowd.latest()) is None else [told], 30)[0]
    creator, fans = sign_up(), [sign_up() for _ in range(3)]
    users.set_roles(user_id=creator.id, roles=[Role.FAN, Role.CREATOR])
    for fan in fans:
        users.follow(user_id=fan.id, creator_id=creator.id)
    eventually(lambda: users.get_profiles(user_ids=[creator.id])[0].follower_count == 3)
    made = products.create_product(product_id=str(uuid.uuid4()), creator_id=creator.id, product=NewProduct("A shirt", Money(100, "EUR")))
    starts_at = datetime.now(UTC) + timedelta(seconds=FAR_S)
    windows = [NewDrop(starts_at + timedelta(seconds=after), starts_at + timedelta(hours=1), 5) for after in (0, 60)]
    drops = [products.schedule_drop(drop_id=str(uuid.uuid4()), product_id=made.id, drop=window) for window in windows]
    eventually(lambda: crowd.latest() == before + 3, 30)
    for drop in drops:
        products.cancel_drop(drop_id=drop.id, reason="no")
    eventually(lambda: crowd.latest() == before, 30)
