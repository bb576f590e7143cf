"""Live streams through the ingress: what is told, to whom, in which order, and what is refused."""

import time
import uuid
from collections.abc import Callable, Iterator

import pytest
import requests

from gateway.tokens import Tokens
from services.contracts.notifications import Channel, Muted, NoticeKind, Notifications, Preferences
from services.contracts.orders import Orders, PlaceOrder, Stock
from services.contracts.users import Role, User
from services.kernel.publisher import EventPublisher
from services.kernel.rpc_client import RpcClient
from stack.api import Stack
from tests.conftest import Person, eventually
from tests.integration.conftest import Member
from tests.integration.selling import CANCEL, CHANGE, END, Seller, at
from tests.integration.streams import Opener, opener, sold_out

TICKET = "mutation{createLiveTicket{ticket expiresIn userErrors{code}}}"


@pytest.fixture
def open_stream(address: str) -> Iterator[Opener]:
    with opener(address) as opened:
        yield opened


@pytest.fixture(scope="module")
def notifications(operations: RpcClient) -> Notifications:
    return operations.service("notifications", Notifications)


@pytest.fixture
def buy(orders: Orders) -> Callable[..., None]:
    def place(who: str, drop: Stock, times: int = 1) -> None:
        for _ in range(times):
            orders.place_order(request=PlaceOrder(drop.drop_id, who, 1, uuid.uuid4().hex))

    return place


def some_id() -> str:
    return str(uuid.uuid4())


class TestDrops:
    def test_its_stock_and_state_come_first_and_then_whenever_they_change(
        self, open_stream: Opener, open_drop: Callable[..., Stock], buy: Callable[..., None]
    ) -> None:
        drop = open_drop(total=2)
        stream = open_stream(drop=drop.drop_id)
        hello = stream.wait_for("hello")
        assert hello["position"] is None
        first = stream.wait_for("stock")
        assert first == {"dropId": drop.drop_id, "total": 2, "available": 2, "held": 0, "sold": 0, "version": first["version"]}
        state = stream.wait_for("state")
        assert {name: state[name] for name in ("dropId", "state")} == {"dropId": drop.drop_id, "state": "LIVE"}
        assert set(state) == {"dropId", "state", "startsAt", "endsAt", "now"}
        buy(some_id(), drop, times=2)
        stream.wait_for("stock", lambda stock: stock["available"] == 0)
        stream.wait_for("state", lambda state: state["state"] == "SOLD_OUT")
        versions = [stock["version"] for stock in stream.of("stock")]
        assert versions == sorted(set(versions))

    def test_a_drop_of_a_seller_starts_changes_and_ends(self, open_stream: Opener, seller: Seller) -> None:
        drop = seller.announce(2.0)
        stream = open_stream(drop=drop["id"])
        assert stream.wait_for("state")["state"] == "SCHEDULED"
        live = stream.wait_for("state", lambda state: state["state"] == "LIVE")
        assert live["now"] >= live["startsAt"]
        drop = seller.look(drop["id"])
        seller.done(CHANGE, input={"id": drop["id"], "expectedVersion": drop["version"], "stock": 7, "endsAt": at(900)})
        stream.wait_for("stock", lambda stock: stock["total"] == 7)
        stream.wait_for("state", lambda state: state["endsAt"] < live["endsAt"])
        seller.done(END, id=drop["id"])
        stream.wait_for("state", lambda state: state["state"] == "ENDED")

    def test_a_drop_that_is_taken_back_is_told_so(self, open_stream: Opener, seller: Seller) -> None:
        drop = seller.announce(3600)
        stream = open_stream(drop=drop["id"])
        stream.wait_for("state")
        seller.done(CANCEL, id=drop["id"])
        stream.wait_for("state", lambda state: state["state"] == "CANCELLED")

    def test_several_at_once_each_with_its_own(
        self, open_stream: Opener, open_drop: Callable[..., Stock], buy: Callable[..., None]
    ) -> None:
        drops = [open_drop() for _ in range(20)]
        stream = open_stream(drop=[drop.drop_id for drop in drops])
        eventually(lambda: {stock["dropId"] for stock in stream.of("stock")} == {drop.drop_id for drop in drops})
        buy(some_id(), drops[7])
        stream.wait_for("stock", lambda stock: stock["available"] == 9)
        assert {stock["dropId"] for stock in stream.of("stock") if stock["available"] == 9} == {drops[7].drop_id}


class TestInbox:
    def test_a_person_hears_of_their_orders_in_order_and_once(
        self, open_stream: Opener, open_drop: Callable[..., Stock], person: Callable[..., Person], buy: Callable[..., None]
    ) -> None:
        buyer, drop = person(), open_drop(total=100)
        stream = open_stream(buyer, inbox=1)
        assert stream.wait_for("hello")["position"]
        buy(buyer.id, drop, times=20)
        eventually(lambda: len(stream.of("notification")) == 20)
        notes = [event for event in stream.events if event.name == "notification"]
        assert [int(str(event.id).split("-")[0]) for event in notes] == list(range(1, 21))
        assert len({event.data["id"] for event in notes}) == 20
        assert set(notes[0].data) == {
            *("id", "kind", "at", "name", "personal", "creatorId", "dropId", "orderId", "quantity", "available", "total", "reason")
        }
        assert [notes[0].data[name] for name in ("kind", "personal", "quantity", "dropId")] == ["ORDER_CONFIRMED", True, 1, drop.drop_id]

    def test_who_comes_back_is_told_what_they_missed(
        self, open_stream: Opener, open_drop: Callable[..., Stock], person: Callable[..., Person], buy: Callable[..., None]
    ) -> None:
        buyer, drop = person(), open_drop(total=1000)
        stream = open_stream(buyer, inbox=1)
        stream.wait_for("hello")
        seen_nothing = stream.last_id()
        buy(buyer.id, drop, times=2)
        eventually(lambda: len(stream.of("notification")) == 2)
        stream.close()
        buy(buyer.id, drop, times=3)
        again = open_stream(buyer, {"Last-Event-ID": str(stream.last_id())}, inbox=1, after="0-0")
        eventually(lambda: len(again.of("notification")) == 3)
        all_of_it = open_stream(buyer, inbox=1, after=str(seen_nothing))
        eventually(lambda: len(all_of_it.of("notification")) == 5)
        assert all_of_it.of("notification") == stream.of("notification") + again.of("notification")
        assert all_of_it.of("hello")[0]["position"] == seen_nothing

    def test_more_than_a_page_was_missed(
        self,
        open_stream: Opener,
        open_drop: Callable[..., Stock],
        person: Callable[..., Person],
        orders: Orders,
        notifications: Notifications,
    ) -> None:
        buyer, drop = person(), open_drop(total=10_000)
        for _ in range(4):
            orders.place_many(requests=[PlaceOrder(drop.drop_id, buyer.id, 1, uuid.uuid4().hex) for _ in range(120)])
        eventually(lambda: notifications.last_numbers(user_ids=[buyer.id]) == [480], 30)
        stream = open_stream(buyer, inbox=1, after="0-0")
        eventually(lambda: len(stream.of("notification")) == 480)
        assert [int(str(event.id).split("-")[0]) for event in stream.events if event.name == "notification"] == list(range(1, 481))

    def test_a_broadcast_reaches_who_follows_also_from_now_on(
        self, open_stream: Opener, member: Callable[..., Member], publisher_of: Callable[[str], EventPublisher]
    ) -> None:
        relay, creator = publisher_of("orders-relay"), member("Maker", Role.CREATOR)
        fan, stranger = member(), member()
        fan.follow(creator)
        streams = [open_stream(who, inbox=1) for who in (fan, stranger)]
        for stream in streams:
            stream.wait_for("hello")
        relay.publish([sold_out(creator_id=creator.id)])
        told = streams[0].wait_for("notification")
        assert [told[name] for name in ("kind", "personal", "creatorId", "available")] == ["DROP_SOLD_OUT", False, creator.id, 0]
        stranger.follow(creator)
        relay.publish([sold_out(creator_id=creator.id)])
        streams[1].wait_for("notification")
        eventually(lambda: len(streams[0].of("notification")) == 2)
        assert len(streams[1].of("notification")) == 1

    def test_what_is_muted_is_not_told_and_what_follows_is(
        self,
        open_stream: Opener,
        person: Callable[..., Person],
        open_drop: Callable[..., Stock],
        buy: Callable[..., None],
        notifications: Notifications,
        orders: Orders,
    ) -> None:
        buyer, drop = person(), open_drop()
        notifications.set_preferences(user_id=buyer.id, preferences=Preferences(muted=[Muted(NoticeKind.ORDER_CONFIRMED, Channel.LIVE)]))
        stream = open_stream(buyer, inbox=1)
        stream.wait_for("hello")
        order = orders.place_order(request=PlaceOrder(drop.drop_id, buyer.id, 1, "k"))
        orders.cancel_order(order_id=order.id, reason="too large")
        assert stream.wait_for("notification")["kind"] == "ORDER_CANCELLED"
        assert len(stream.of("notification")) == 1


class TestSigningIn:
    def test_by_cookie(self, open_stream: Opener, person: Callable[..., Person]) -> None:
        assert open_stream(headers={"Cookie": f"a=b; livedrops_access={person().token}"}, inbox=1).wait_for("hello")["position"]

    @pytest.mark.parametrize("door", ["graphql", "rest"])
    def test_by_a_ticket_of(self, door: str, address: str, open_stream: Opener, person: Callable[..., Person]) -> None:
        who = person()
        if door == "graphql":
            answer = who.graphql(TICKET).json()["data"]["createLiveTicket"]
        else:
            answer = who.http.post(f"{address}/live/ticket", timeout=15).json()
        assert 0 < answer["expiresIn"] <= 60
        assert open_stream(ticket=answer["ticket"], inbox=1).wait_for("hello")["position"]
        refused = who.http.get(f"{address}/notifications", headers={"Authorization": f"Bearer {answer['ticket']}"}, timeout=15)
        assert refused.status_code == 401

    def test_a_ticket_needs_a_sign_in(self, address: str) -> None:
        assert requests.post(f"{address}/live/ticket", timeout=15).status_code == 401

    @pytest.mark.parametrize("form", ["header", "ticket"])
    def test_the_stream_ends_with_the_sign_in(
        self, form: str, stack: Stack, open_stream: Opener, open_drop: Callable[..., Stock], person: Callable[..., Person]
    ) -> None:
        who, drop = person(), open_drop()
        tokens = Tokens(stack.environment("gateway")["LIVEDROPS_JWT_KEY"], "livedrops", 3)
        who.token = tokens.issue(User(who.id, "x", "x@example.org", [Role.FAN], drop.starts_at))
        signed_in = tokens.sign_in_of(who.token)
        if form == "header":
            stream = open_stream(who, inbox=1, drop=drop.drop_id)
        else:
            stream = open_stream(ticket=tokens.issue_ticket(signed_in)[0], inbox=1, drop=drop.drop_id)
        assert stream.wait_for("expired") == {}
        assert time.time() >= signed_in.until
        assert stream.is_over.wait(5)
        assert open_stream(who, inbox=1).status == 401


class TestRefusals:
    @pytest.mark.parametrize(
        ("asked", "code", "field"),
        [
            ({}, "INVALID_INPUT", "inbox"),
            ({"inbox": "0"}, "INVALID_INPUT", "inbox"),
            ({"inbox": "yes"}, "INVALID_INPUT", "inbox"),
            ({"inbox": ["1", "1"]}, "INVALID_INPUT", "inbox"),
            ({"drop": "x"}, "INVALID_INPUT", "drop"),
            ({"drop": "'; drop table orders; --"}, "INVALID_INPUT", "drop"),
            ({"drop": [str(uuid.uuid4()) for _ in range(21)]}, "INVALID_INPUT", "drop"),
            ({"drop": str(uuid.uuid4())}, "NOT_FOUND", None),
            ({"inbox": "1", "after": "x"}, "INVALID_INPUT", "after"),
            ({"inbox": "1", "after": ""}, "INVALID_INPUT", "after"),
            ({"inbox": "1", "after": "1-99999999999999999"}, "INVALID_INPUT", "after"),
            ({"inbox": "1", "surprise": "1"}, "INVALID_INPUT", "surprise"),
            ({"inbox": "1", "after": "1" * 9000}, "INVALID_INPUT", None),
        ],
    )
    def test_a_wish_that_makes_no_sense(
        self, asked: dict[str, str], code: str, field: str | None, open_stream: Opener, person: Callable[..., Person]
    ) -> None:
        refused = open_stream(person(), **asked)
        assert refused.status == (404 if code == "NOT_FOUND" else 400)
        assert refused.headers["content-type"].startswith("application/problem+json")
        problem = refused.problem()
        assert (problem["code"], problem.get("field")) == (code, field)
        assert problem["requestId"] == refused.headers["x-request-id"]

    def test_what_an_event_source_says_it_has_seen(self, open_stream: Opener, person: Callable[..., Person]) -> None:
        refused = open_stream(person(), {"Last-Event-ID": "-1-5"}, inbox=1)
        assert (refused.status, refused.problem()["field"]) == (400, "Last-Event-ID")

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": "Bearer x"},
            {"Authorization": "Basic eA=="},
            {"Cookie": "livedrops_access=x"},
            {"Authorization": "Bearer " + "x" * 3000},
        ],
    )
    def test_an_inbox_of_nobody(self, headers: dict[str, str], open_stream: Opener) -> None:
        refused = open_stream(headers=headers, inbox=1)
        assert (refused.status, refused.problem()["code"]) == (401, "UNAUTHENTICATED")
        assert refused.headers["www-authenticate"] == "Bearer"

    @pytest.mark.parametrize("ticket", ["x", "a.b.c", "x" * 3000])
    def test_a_ticket_that_does_not_hold(self, ticket: str, open_stream: Opener) -> None:
        assert open_stream(ticket=ticket, inbox=1).status == 401

    def test_an_old_cookie_keeps_nobody_from_what_everybody_may_see(self, open_stream: Opener, open_drop: Callable[..., Stock]) -> None:
        open_stream(headers={"Cookie": "livedrops_access=x"}, drop=open_drop().drop_id).wait_for("stock")

    def test_an_access_token_is_no_ticket(self, open_stream: Opener, person: Callable[..., Person]) -> None:
        assert open_stream(ticket=person().token, inbox=1).status == 401

    def test_another_method(self, address: str) -> None:
        refused = requests.post(f"{address}/live?inbox=1", timeout=15)
        assert (refused.status_code, refused.headers["Allow"], refused.json()["code"]) == (405, "GET", "INVALID_INPUT")
