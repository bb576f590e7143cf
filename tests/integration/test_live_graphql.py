"""GraphQL subscriptions: by a plain client, and by the public one of the protocol."""

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from gateway.tokens import Tokens
from services.contracts.orders import Orders, PlaceOrder, Stock
from services.contracts.users import Role, User
from stack.api import Stack
from tests.conftest import Person, eventually
from tests.integration.streams import Stream

CLIENT = Path(__file__).with_name("graphql_sse")
NOTIFICATIONS = "subscription($after:String){notifications(after:$after){position id kind at name personal dropId orderId quantity}}"
STOCK = "subscription($id:ID!){stock(dropId:$id){dropId total available held sold version}}"
STATE = "subscription($id:ID!){dropState(dropId:$id){dropId state startsAt endsAt now}}"
Subscribe = Callable[..., Stream]


@pytest.fixture
def subscribe(address: str) -> Iterator[Subscribe]:
    opened: list[Stream] = []

    def make(
        query: str, who: Person | None = None, method: str = "POST", headers: dict[str, str] | None = None, **variables: Any
    ) -> Stream:
        token = {"Authorization": f"Bearer {who.token}"} if who else {}
        sent = {**token, "Accept": "text/event-stream", **(headers or {})}
        if method == "GET":
            path = f"/graphql/stream?{urlencode({'query': query, 'variables': json.dumps(variables)})}"
            opened.append(Stream(address, path, sent))
        else:
            body = json.dumps({"query": query, "variables": variables})
            opened.append(Stream(address, "/graphql/stream", {"Content-Type": "application/json", **sent}, body))
        return opened[-1]

    yield make
    for stream in opened:
        stream.close()


@pytest.fixture
def buy(orders: Orders) -> Callable[..., None]:
    def place(who: str, drop: Stock) -> None:
        orders.place_order(request=PlaceOrder(drop.drop_id, who, 1, uuid.uuid4().hex))

    return place


class TestStreams:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_stock_now_and_whenever_it_changes(
        self, method: str, subscribe: Subscribe, open_drop: Callable[..., Stock], buy: Callable[..., None]
    ) -> None:
        drop = open_drop(total=3)
        stream = subscribe(STOCK, method=method, id=drop.drop_id)
        assert stream.wait_for("next")["data"]["stock"]["available"] == 3
        buy(str(uuid.uuid4()), drop)
        told = stream.wait_for("next", lambda result: result["data"]["stock"]["available"] == 2)
        assert set(told["data"]["stock"]) == {"dropId", "total", "available", "held", "sold", "version"}

    def test_a_state_now_and_whenever_it_changes(
        self, subscribe: Subscribe, open_drop: Callable[..., Stock], buy: Callable[..., None]
    ) -> None:
        drop = open_drop(total=1)
        stream = subscribe(STATE, id=drop.drop_id)
        assert stream.wait_for("next")["data"]["dropState"]["state"] == "LIVE"
        buy(str(uuid.uuid4()), drop)
        stream.wait_for("next", lambda result: result["data"]["dropState"]["state"] == "SOLD_OUT")

    def test_notifications_go_on_behind_a_position(
        self, subscribe: Subscribe, open_drop: Callable[..., Stock], person: Callable[..., Person], buy: Callable[..., None]
    ) -> None:
        buyer, drop = person(), open_drop()
        stream = subscribe(NOTIFICATIONS, buyer)
        assert stream.status == 200
        for _ in range(3):
            buy(buyer.id, drop)
        eventually(lambda: len(stream.of("next")) == 3)
        told = [result["data"]["notifications"] for result in stream.of("next")]
        again = subscribe(NOTIFICATIONS, buyer, after=told[0]["position"])
        eventually(lambda: len(again.of("next")) == 2)
        assert [result["data"]["notifications"] for result in again.of("next")] == told[1:]

    def test_names_of_the_clients_own_and_fragments(self, subscribe: Subscribe, open_drop: Callable[..., Stock]) -> None:
        query = "subscription($id:ID!){left:stock(dropId:$id){...F __typename}} fragment F on StockEvent{n:available}"
        assert subscribe(query, id=open_drop(total=4).drop_id).wait_for("next") == {"data": {"left": {"n": 4, "__typename": "StockEvent"}}}

    def test_the_stream_ends_with_the_sign_in(self, subscribe: Subscribe, stack: Stack, person: Callable[..., Person]) -> None:
        who = person()
        tokens = Tokens(stack.environment("gateway")["LIVEDROPS_JWT_KEY"], "livedrops", 2)
        who.token = tokens.issue(User(who.id, "x", "x@example.org", [Role.FAN], datetime.now(UTC)))
        stream = subscribe(NOTIFICATIONS, who)
        assert stream.wait_for("next")["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        stream.wait_for("complete")
        assert stream.is_over.wait(5)


class TestRefusals:
    @pytest.mark.parametrize(
        ("query", "variables", "status", "code"),
        [
            ("subscription{", {}, 400, "INVALID_INPUT"),
            ("subscription{nothing}", {}, 400, "INVALID_INPUT"),
            (STOCK, {}, 400, "INVALID_INPUT"),
            (STOCK, {"id": "x"}, 400, "INVALID_INPUT"),
            (STOCK, {"id": str(uuid.uuid4())}, 404, "NOT_FOUND"),
            (STOCK, {"id": ["x"]}, 400, "INVALID_INPUT"),
            (NOTIFICATIONS, {"after": "x"}, 400, "INVALID_INPUT"),
            ("{me{id}}", {}, 400, "INVALID_INPUT"),
            ("mutation{createLiveTicket{ticket}}", {}, 400, "INVALID_INPUT"),
            ('subscription{a:stock(dropId:"x"){sold} b:stock(dropId:"y"){sold}}', {}, 400, "INVALID_INPUT"),
            ("", {}, 400, "INVALID_INPUT"),
            ("subscription{" + "a{" * 40 + "}" * 41, {}, 400, "INVALID_INPUT"),
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_request_that_makes_no_sense(
        self, method: str, query: str, variables: Any, status: int, code: str, subscribe: Subscribe, person: Callable[..., Person]
    ) -> None:
        refused = subscribe(query, person(), method, **variables)
        assert refused.status == status
        assert [error["extensions"]["code"] for error in refused.problem()["errors"]][:1] == [code]

    def test_an_inbox_of_nobody(self, subscribe: Subscribe) -> None:
        refused = subscribe(NOTIFICATIONS)
        assert (refused.status, refused.problem()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")

    @pytest.mark.parametrize(
        "body", ["", "x", "[]", "1", '{"query": 1}', '{"query": "x", "variables": []}', '{"query": "x", "operationName": 1}']
    )
    def test_a_body_that_is_no_request(self, body: str, address: str) -> None:
        refused = Stream(address, "/graphql/stream", {"Content-Type": "application/json"}, body)
        assert (refused.status, refused.problem()["errors"][0]["extensions"]["code"]) == (400, "INVALID_INPUT")

    def test_a_form(self, address: str) -> None:
        assert Stream(address, "/graphql/stream", {"Content-Type": "text/plain"}, "x").status == 400

    def test_a_subscription_at_the_other_door(self, person: Callable[..., Person]) -> None:
        answer = person().graphql("subscription{notifications{id}}")
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "INVALID_INPUT")
        assert "/graphql/stream" in answer.text


@pytest.fixture(scope="module")
def public_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The public client of the protocol, installed as its lock says."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        reason = "no node and npm here, with which the public client of graphql-sse runs"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("graphql_sse")
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copy(CLIENT / name, folder)
    subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True, capture_output=True, timeout=100)
    return folder / "client.mjs"


Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def run(public_client: Path, address: str) -> Iterator[Run]:
    """Starts the client; its lines are what it was told."""
    started: list[subprocess.Popen[str]] = []

    def start(query: str, results: int, who: Person | None = None, **variables: Any) -> "subprocess.Popen[str]":
        asked = {"url": f"{address}/graphql/stream", "token": who.token if who else None, "results": results}
        command = ["node", str(public_client), json.dumps({**asked, "query": query, "variables": variables})]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def lines_of(process: "subprocess.Popen[str]") -> list[Any]:
    out, _ = process.communicate(timeout=30)
    return [json.loads(line) for line in out.splitlines()]


class TestThePublicClient:
    def test_it_follows_a_stock(self, run: Run, open_drop: Callable[..., Stock], buy: Callable[..., None]) -> None:
        drop = open_drop(total=5)
        process = run(STOCK, 2, id=drop.drop_id)
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        buy(str(uuid.uuid4()), drop)
        second, end = lines_of(process)
        assert [line["next"]["data"]["stock"]["available"] for line in (first, second)] == [5, 4]
        assert end == {"complete": True}

    def test_it_goes_on_with_an_inbox(
        self, run: Run, open_drop: Callable[..., Stock], person: Callable[..., Person], buy: Callable[..., None]
    ) -> None:
        buyer, drop = person(), open_drop()
        for _ in range(3):
            buy(buyer.id, drop)
        told = lines_of(run(NOTIFICATIONS, 3, buyer, after="0-0"))
        assert [line["next"]["data"]["notifications"]["kind"] for line in told[:3]] == ["ORDER_CONFIRMED"] * 3
        assert told[3:] == [{"complete": True}]

    def test_it_is_told_that_the_sign_in_has_expired(self, run: Run, stack: Stack, person: Callable[..., Person]) -> None:
        who = person()
        tokens = Tokens(stack.environment("gateway")["LIVEDROPS_JWT_KEY"], "livedrops", 3)
        who.token = tokens.issue(User(who.id, "x", "x@example.org", [Role.FAN], datetime.now(UTC)))
        (result, end) = lines_of(run(NOTIFICATIONS, 5, who))
        assert result["next"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert end == {"complete": True}

    def test_it_hears_a_refusal(self, run: Run) -> None:
        assert lines_of(run(NOTIFICATIONS, 1))[0]["error"]["status"] == 401
