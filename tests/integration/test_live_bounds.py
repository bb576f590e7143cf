"""A live unit with few places: who is refused, who is closed, and that nobody misses anything by it."""

import socket
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from gateway.tokens import Tokens
from services.contracts.notifications import Notifications
from services.contracts.orders import Orders, PlaceOrder, Stock
from services.contracts.users import Role, User
from services.kernel.rpc_client import RpcClient
from stack.api import Stack
from tests.chaos.disturbances import running_with
from tests.conftest import Person, eventually
from tests.integration.streams import Opener, Stream, opener

BOUNDS = {
    "LIVEDROPS_LIVE_CONNECTIONS": "6",
    "LIVEDROPS_LIVE_CONNECTIONS_PER_PERSON": "2",
    "LIVEDROPS_LIVE_CONNECTIONS_PER_ADDRESS": "4",
    "LIVEDROPS_LIVE_LETTERS": "200",
    "LIVEDROPS_LIVE_HEARTBEAT_S": "0.5",
    "LIVEDROPS_LIVE_STUCK_S": "1",
}
# With names as long as they may be, more than the system keeps for a client that reads nothing.
NOTES, NAME = 7_200, "\U0001f455" * 200


@pytest.fixture(scope="module")
def unit(stack: Stack) -> Iterator[str]:
    """The address of the unit itself: the ingress would not let anybody say where they are."""
    with running_with(stack, {"live": BOUNDS}):
        yield stack.address("live")


@pytest.fixture
def open_stream(unit: str) -> Iterator[Opener]:
    with opener(unit) as opened:
        yield opened


@pytest.fixture(scope="module")
def notifications(operations: RpcClient) -> Notifications:
    return operations.service("notifications", Notifications)


def place() -> dict[str, str]:
    """A new address to come from."""
    return {"X-Forwarded-For": uuid.uuid4().hex}


def refusal(stream: Stream) -> tuple[int, str, bool]:
    return stream.status, stream.problem()["code"], int(stream.headers["retry-after"]) > 0


def test_one_person_has_so_many_streams_and_gets_a_place_back(open_stream: Opener, person: Callable[..., Person]) -> None:
    who = person()
    first, _ = open_stream(who, place(), inbox=1), open_stream(who, place(), inbox=1)
    assert refusal(open_stream(who, place(), inbox=1)) == (429, "RATE_LIMITED", True)
    first.close()
    eventually(lambda: open_stream(who, place(), inbox=1).status == 200)


def test_one_address_has_so_many_and_all_together(open_stream: Opener, open_drop: Callable[..., Stock]) -> None:
    drop, here = open_drop(), place()
    eventually(lambda: open_stream(headers=here, drop=drop.drop_id).status == 429)
    assert refusal(open_stream(headers=here, drop=drop.drop_id)) == (429, "RATE_LIMITED", True)
    eventually(lambda: open_stream(headers=place(), drop=drop.drop_id).status == 503)
    assert refusal(open_stream(headers=place(), drop=drop.drop_id)) == (503, "BUSY", True)


def test_a_silent_line_is_kept_alive(open_stream: Opener, open_drop: Callable[..., Stock]) -> None:
    stream = eventually(lambda: opened if (opened := open_stream(headers=place(), drop=open_drop().drop_id)).status == 200 else None)
    eventually(lambda: stream.comments >= 3)


def test_a_unit_that_stops_sends_its_clients_elsewhere_and_they_miss_nothing(
    unit: str, stack: Stack, person: Callable[..., Person], orders: Orders, open_drop: Callable[..., Stock]
) -> None:
    buyer, drop = person(), open_drop()

    def buy() -> None:
        orders.place_order(request=PlaceOrder(drop.drop_id, buyer.id, 1, uuid.uuid4().hex))

    with opener(unit) as open_stream:
        stream = eventually(lambda: opened if (opened := open_stream(buyer, place(), inbox=1)).status == 200 else None)
        stream.wait_for("hello")
        buy()
        stream.wait_for("notification")
        stack.stop("live")
        assert stream.is_over.wait(5)
        assert len(stream.retry_ms) == 2
        buy()
        stack.start("live")
        stack.wait_ready("live")
        again = open_stream(buyer, {"Last-Event-ID": str(stream.last_id()), **place()}, inbox=1)
        again.wait_for("notification")
        assert [str(event.id).split("-")[0] for event in stream.events + again.events if event.name == "notification"] == ["1", "2"]


class Sleeper:
    """A client that reads nothing until it is asked to."""

    def __init__(self, unit: str, token: str) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self._socket.settimeout(30)
        where = urlsplit(unit)
        self._socket.connect((where.hostname, where.port))
        head = f"GET /live?inbox=1&after=0-0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        self._socket.sendall(head.encode())

    def wake(self) -> list[int]:
        """The numbers of the notes that it was sent before it was closed."""
        data = bytearray()
        while piece := self._socket.recv(65_536):
            data += piece
        self._socket.close()
        whole = bytes(data).split(b"\n\n")[:-1]
        return [
            int(line[4:].split(b"-")[0])
            for event in whole
            if b"event: notification" in event
            for line in event.split(b"\n")
            if line[:4] == b"id: "
        ]


@pytest.mark.timeout(240)
def test_a_client_that_takes_nothing_is_closed_and_goes_on_where_it_was(
    unit: str, stack: Stack, orders: Orders, open_drop: Callable[..., Stock], notifications: Notifications
) -> None:
    buyer, drop = str(uuid.uuid4()), open_drop(total=NOTES, name=NAME)
    for _ in range(0, NOTES, 200):
        orders.place_many(requests=[PlaceOrder(drop.drop_id, buyer, 1, uuid.uuid4().hex) for _ in range(200)])
    eventually(lambda: notifications.last_numbers(user_ids=[buyer]) == [NOTES], 90)
    token = Tokens(stack.environment("gateway")["LIVEDROPS_JWT_KEY"], "livedrops", 900).issue(
        User(buyer, "x", "x@example.org", [Role.FAN], datetime.now(UTC))
    )
    sleeper = Sleeper(unit, token)
    with opener(unit) as open_stream:
        # Its place is free again once it was closed: a person has two.
        signed = {"Authorization": f"Bearer {token}"}
        held = eventually(lambda: opened if (opened := open_stream(headers={**signed, **place()}, inbox=1)).status == 200 else None)
        eventually(lambda: open_stream(headers={**signed, **place()}, inbox=1).status == 200, 60)
        held.close()
        seen = sleeper.wake()
        assert 0 < len(seen) < NOTES
        again = eventually(
            lambda: (
                opened
                if (opened := open_stream(headers={**signed, **place(), "Last-Event-ID": f"{seen[-1]}-0"}, inbox=1)).status == 200
                else None
            )
        )
        eventually(lambda: len(again.of("notification")) == NOTES - len(seen), 60)
        rest = [int(str(event.id).split("-")[0]) for event in again.events if event.name == "notification"]
        assert seen + rest == list(range(1, NOTES + 1))
