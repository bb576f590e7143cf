"""RPC over a real broker: the wire, identities, rights, deadlines."""

import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pika
import pytest
from pika.exceptions import ChannelClosedByBroker

from services.contracts.errors import DeadlineExceeded, InvalidInput, LiveDropsError, NotFound, Unavailable
from services.contracts.notifications import Notifications
from services.contracts.orders import Orders, Stock
from services.contracts.schemas import SERVICES
from services.contracts.signatures import signatures
from services.kernel import calls, ids
from services.kernel.metrics import Metrics
from services.kernel.publisher import EventPublisher
from services.kernel.rpc_client import RpcClient
from services.kernel.topology import EVENTS_EXCHANGE, RPC_EXCHANGE
from services.notifications.push.unsubscribing import Unsubscribing
from stack.api import Stack
from tests.conftest import eventually
from tests.integration.test_notifications import started

STOCK_CLIENT = """
import json, sys
import nameko
from nameko.exceptions import RemoteError
from nameko.standalone.rpc import ClusterRpcClient

uri, calls = sys.argv[1], json.loads(sys.argv[2])
answers = []
with ClusterRpcClient(uri=uri, timeout=15) as client:
    for service, method, kwargs in calls:
        try:
            answers.append([True, getattr(getattr(client, service), method)(**kwargs)])
        except RemoteError as error:
            answers.append([False, error.exc_type])
print("ANSWERS" + json.dumps(answers))
"""


def stock_client(url: str, wanted: list[tuple[str, str, dict[str, Any]]]) -> list[list[Any]]:
    """What a stock nameko client gets, in a process of its own: [True, result] or [False, name of the error]."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STOCK_CLIENT, url, msgspec.json.encode(wanted).decode()],
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert "ANSWERS" in run.stdout, run.stderr
    answers: list[list[Any]] = msgspec.json.decode(run.stdout.partition("ANSWERS")[2])
    return answers


@pytest.fixture
def fan_out_id(publisher_of: Callable[[str], EventPublisher], operations: RpcClient) -> str:
    """Of a broadcast that was pushed to nobody."""
    event, notifications = started(str(uuid.uuid4())), operations.service("notifications", Notifications)
    publisher_of("products-clock").publish([event])
    eventually(lambda: event.id in [one.id for one in notifications.list_fan_outs(first=100)])
    return event.id


def test_a_stock_nameko_client_can_call_every_rpc(
    stack: Stack, elasticsearch_url: str, open_drop: Callable[..., Stock], fan_out_id: str
) -> None:
    url = stack.environment("operations")["LIVEDROPS_BROKER_URL"]
    drop, user, email = open_drop(), str(uuid.uuid4()), f"{uuid.uuid4().hex}@example.org"
    wish = {"drop_id": drop.drop_id, "user_id": user, "quantity": 1, "key": "k"}
    person = {"email": email, "password": "correct horse"}
    other = {"name": "Bob", "email": f"x{email}", "password": "correct horse"}
    first = stock_client(
        url,
        [
            ("orders", "place_order", {"request": wish}),
            ("users", "sign_up", {**person, "name": "Ann"}),
            ("users", "sign_in", person),
            ("users", "sign_up", other),
        ],
    )
    assert [good for good, _ in first] == [True] * 4, first
    order_id, user_id, token, other_id = first[0][1]["id"], first[1][1]["id"], first[2][1]["refresh_token"], first[3][1]["id"]
    product_calls = _products_calls(user_id)
    # Nobody is reminded of a drop that is over.
    endings = {name: product_calls.pop(name) for name in ("products.cancel_drop", "products.end_drop")}
    wanted = (
        _orders_calls(drop.drop_id, wish, order_id)
        | product_calls
        | _search_calls()
        | _analytics_calls(drop.drop_id)
        | _notifications_calls(user_id, product_calls["products.get_drop"]["drop_id"])
        | _push_calls(user_id, stack.environment("notifications")["LIVEDROPS_CURSOR_KEY"], fan_out_id)
        | endings
        | _users_calls(person, user_id, other_id, token)
    )
    assert set(wanted) == {f"{service}.{rpc}" for service, protocol in SERVICES.items() for rpc in signatures(protocol)}
    answers = stock_client(url, [(*name.split("."), kwargs) for name, kwargs in wanted.items()])  # type: ignore[misc]
    assert dict(zip(wanted, [good for good, _ in answers], strict=True)) == dict.fromkeys(wanted, True), answers


# Calls by name, in an order in which each of them can be answered.
Calls = dict[str, dict[str, Any]]


def _orders_calls(drop_id: str, wish: dict[str, Any], order_id: str) -> Calls:
    opened: dict[str, Any] = {"drop_id": str(uuid.uuid4()), "creator_id": wish["user_id"], "name": "A hat", "total": 5}
    opened |= {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z", "unit_price": {"amount": 1, "currency": "EUR"}}
    return {
        "orders.place_many": {"requests": [wish]},
        "orders.place_order": {"request": wish},
        "orders.get_order": {"order_id": order_id},
        "orders.list_orders": {"user_id": wish["user_id"]},
        "orders.cancel_order": {"order_id": order_id, "reason": "test"},
        "orders.get_stock": {"drop_id": drop_id},
        "orders.get_stocks": {"drop_ids": [drop_id]},
        "orders.open_stock": {"stock": opened},
        "orders.set_terms": {"terms": {**opened, "drop_id": str(uuid.uuid4()), "version": 1}},
        "orders.change_stock": {"change": {"drop_id": drop_id, "reason": "more", "total": 20}},
        "orders.close_stock": {"drop_id": drop_id, "reason": "done"},
        "orders.reconcile": {},
        "orders.tally_sales": {"drop_id": drop_id, "until": "2030-01-01T00:00:00Z"},
    }


def _products_calls(creator_id: str) -> Calls:
    product_id, drop_id, media_id, begin = str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4()), datetime.now(UTC)
    product = {"name": "A hat", "price": {"amount": 1, "currency": "EUR"}}
    sale = {"starts_at": begin.isoformat(), "ends_at": (begin + timedelta(hours=1)).isoformat(), "stock": 5}
    return {
        "products.create_product": {"product_id": product_id, "creator_id": creator_id, "product": product},
        "products.import_products": {"products": [{"product_id": product_id, "creator_id": creator_id, "product": product}]},
        "products.update_product": {"product_id": product_id, "expected_version": 1, "change": {"name": "A cap"}},
        "products.get_product": {"product_id": product_id},
        "products.get_products": {"product_ids": [product_id]},
        "products.list_products": {"creator_id": creator_id},
        "products.schedule_drop": {"drop_id": drop_id, "product_id": product_id, "drop": sale},
        "products.change_drop": {"drop_id": drop_id, "expected_version": 1, "change": {"stock": 6}},
        "products.get_drop": {"drop_id": drop_id},
        "products.get_drops": {"drop_ids": [drop_id]},
        "products.list_drops": {"product_id": product_id},
        "products.find_products": {"sought": {"words": "cap"}},
        "products.find_drops": {"sought": {"words": "cap"}, "states": ["LIVE"]},
        "products.cancel_drop": {"drop_id": drop_id, "reason": "test"},
        "products.end_drop": {"drop_id": drop_id},
        "products.create_upload": {
            "media_id": media_id,
            "creator_id": creator_id,
            "upload": {"filename": "hat.png", "content_type": "image/png", "size": 1},
        },
        "products.get_media": {"media_ids": [media_id]},
    }


def _analytics_calls(drop_id: str) -> Calls:
    subject = {"kind": "DROP", "id": drop_id}
    seen = {"drop_id": drop_id, "at": "2026-01-01T00:00:00Z", "counts": {"views": 1}}
    return {
        "analytics.get_series": {"subject": subject, "grain": "HOUR", "since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
        "analytics.report": {"report_id": str(uuid.uuid4()), "seen": [seen]},
        "analytics.rebuild": {"subject": subject},
    }


def _search_calls() -> Calls:
    return {"search.search": {"text": "cap"}, "search.suggest": {"text": "ca"}, "search.start_reindex": {}, "search.get_reindex": {}}


def _notifications_calls(user_id: str, drop_id: str) -> Calls:
    person = {"user_id": user_id}
    return {
        "notifications.list_notifications": person,
        "notifications.count_unread": person,
        "notifications.mark_read": {**person, "notice_ids": [drop_id]},
        "notifications.mark_all_read": person,
        "notifications.set_preferences": {**person, "preferences": {"muted": [{"kind": "DROP_STARTED", "channel": "LIVE"}]}},
        "notifications.get_preferences": person,
        "notifications.remind": {**person, "drop_id": drop_id},
        "notifications.are_reminded": {**person, "drop_ids": [drop_id]},
        "notifications.forget_reminder": {**person, "drop_id": drop_id},
        "notifications.replay": {**person, "after": "0-0"},
        "notifications.get_live_interests": {"user_ids": [user_id]},
        "notifications.list_broadcasts": {"after": 0},
        "notifications.last_numbers": {"user_ids": [user_id]},
    }


def _push_calls(user_id: str, key: str, fan_out_id: str) -> Calls:
    person, hook = {"user_id": user_id}, "https://example.org/hook"
    token = Unsubscribing(key.encode()).link("", user_id).partition("token=")[2]
    return {
        "notifications.get_push_options": {},
        "notifications.add_endpoint": {**person, "endpoint": {"kind": "WEBHOOK", "url": hook}},
        "notifications.list_endpoints": person,
        "notifications.enable_endpoint": {**person, "endpoint_id": ids.derived_id("endpoint", user_id, "WEBHOOK", hook)},
        "notifications.remove_endpoint": {**person, "endpoint_id": fan_out_id},
        "notifications.unsubscribe": {"token": token},
        "notifications.get_fan_out": {"fan_out_id": fan_out_id},
        "notifications.list_fan_outs": {},
    }


def _users_calls(person: dict[str, Any], user_id: str, other_id: str, token: str) -> Calls:
    pair = {"user_id": user_id, "creator_id": other_id}
    place = {"followed_at": "2036-01-01T00:00:00Z", "user_id": user_id}
    return {
        "users.sign_up": {**person, "name": "Ann"},
        "users.sign_in": person,
        "users.get_user": {"user_id": user_id},
        "users.get_users": {"user_ids": [user_id]},
        "users.set_roles": {"user_id": user_id, "roles": ["FAN", "CREATOR"]},
        "users.become_creator": {"user_id": user_id},
        "users.refresh": {"refresh_token": token},
        "users.sign_out": {"refresh_token": token},
        "users.update_user": {"user_id": user_id, "change": {"bio": "x"}},
        "users.get_profiles": {"user_ids": [user_id]},
        "users.list_profiles": {"first": 2},
        "users.follow": pair,
        "users.is_following": pair,
        "users.are_following": {"user_id": user_id, "creator_ids": [other_id]},
        "users.list_followers": {"creator_id": other_id},
        "users.list_following": {"user_id": user_id},
        "users.list_followed": {"user_id": user_id},
        "users.list_followed_ids": {"user_ids": [user_id]},
        "users.list_mutual": {"user_id": user_id},
        "users.find_followers": {"creator_id": other_id, "name": "A"},
        "users.tally_follows": {"creator_id": other_id, "until": "2030-01-01T00:00:00Z"},
        "users.unfollow": pair,
        "users.cut_followers": {"creator_id": other_id, "after": place, "size": 5},
        "users.list_follower_ids": {"creator_id": other_id, "after": place, "until": place},
        "users.start_job": {"kind": "RECOUNT"},
        "users.get_job": {"kind": "RECOUNT"},
        "users.delete_user": {"user_id": user_id},
    }


def test_a_stock_client_is_told_the_name_of_an_error(stack: Stack) -> None:
    url = stack.environment("operations")["LIVEDROPS_BROKER_URL"]
    calls_ = [("orders", "get_stock", {"drop_id": str(uuid.uuid4())}), ("orders", "get_stock", {"drop": 5}), ("orders", "no_such", {})]
    assert stock_client(url, calls_) == [[False, "NotFound"], [False, "InvalidInput"], [False, "InvalidInput"]]  # type: ignore[arg-type]


def test_many_threads_get_each_his_own_answer(orders: Orders, open_drop: Callable[..., Stock]) -> None:
    drops = [open_drop(total=number + 1) for number in range(12)]
    wrong: list[Any] = []

    def ask(drop: Stock) -> None:
        wrong.extend(answer for _ in range(15) if (answer := orders.get_stock(drop_id=drop.drop_id)).total != drop.total)

    threads = [threading.Thread(target=ask, args=(drop,)) for drop in drops * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_call_nobody_answers_ends_with_its_deadline(stack: Stack, orders: Orders) -> None:
    stack.stop("orders")
    try:
        with calls.under(calls.begin(0.5)), pytest.raises(DeadlineExceeded):
            orders.get_stock(drop_id=str(uuid.uuid4()))
    finally:
        stack.start("orders")
        stack.wait_ready("orders")
    # The late call expired with its deadline: nothing of it is left for the service that came back.
    with pytest.raises(NotFound):
        orders.get_stock(drop_id=str(uuid.uuid4()))


def test_a_service_that_is_nowhere_is_told_at_once(operations: RpcClient) -> None:
    client = operations.service("users", Orders)  # users has no such method
    with pytest.raises(InvalidInput, match="MethodNotFound"):
        client.get_stock(drop_id=str(uuid.uuid4()))


def client_of(stack: Stack, user: str, metrics: Metrics) -> RpcClient:
    client = RpcClient(stack.environment(user)["LIVEDROPS_BROKER_URL"], f"tests-{user}", metrics)
    client.start()
    assert client.wait_open(10)
    return client


def test_a_team_may_call_what_its_rights_say_and_nothing_else(stack: Stack, metrics: Metrics, open_drop: Callable[..., Stock]) -> None:
    drop = open_drop()
    client = client_of(stack, "analytics", metrics)
    try:
        orders = client.service("orders", Orders)
        assert orders.get_stock(drop_id=drop.drop_id).total == drop.total
        with calls.under(calls.begin(1.0)), pytest.raises((DeadlineExceeded, Unavailable)):
            orders.close_stock(drop_id=drop.drop_id, reason="not mine")
    finally:
        client.stop()
    ops = client_of(stack, "operations", metrics)
    assert ops.service("orders", Orders).get_stock(drop_id=drop.drop_id).state.value == "LIVE"
    ops.stop()


@pytest.mark.parametrize(
    ("user", "exchange", "key", "claims"),
    [
        ("analytics", RPC_EXCHANGE, "orders.get_stock", "gateway"),  # claims to be the gateway
        ("analytics", RPC_EXCHANGE, "orders.open_stock", "analytics"),
        ("users", RPC_EXCHANGE, "orders.get_stock", "users"),
        ("orders", EVENTS_EXCHANGE, "order.confirmed", "orders"),  # only the relay publishes
        ("operations", EVENTS_EXCHANGE, "order.confirmed", "operations"),
        ("orders-relay", EVENTS_EXCHANGE, "user.created", "orders-relay"),
    ],
)
def test_the_broker_refuses_what_a_user_may_not(stack: Stack, user: str, exchange: str, key: str, claims: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(stack.environment(user)["LIVEDROPS_BROKER_URL"]))
    channel = connection.channel()
    channel.confirm_delivery()
    with pytest.raises(ChannelClosedByBroker):
        channel.basic_publish(exchange, key, b"{}", pika.BasicProperties(user_id=claims))
    connection.close()


def test_a_viewer_is_not_believed_from_a_team(stack: Stack, metrics: Metrics, open_drop: Callable[..., Stock]) -> None:
    """An unprivileged viewer sent by operations is ignored: the team's own rights decide, and the audit log names the team."""
    client = client_of(stack, "operations", metrics)
    try:
        with calls.under(calls.begin(5, viewer=calls.Viewer(str(uuid.uuid4())))):
            closed = client.service("orders", Orders).close_stock(drop_id=open_drop().drop_id, reason="by the team")
        assert closed.state.value == "ENDED"
    finally:
        client.stop()


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"args": [], "kwargs": 5}', b'{"args": {}}', b"", b"\xff\xfe"])
def test_a_message_that_is_no_call_harms_nobody(stack: Stack, orders: Orders, open_drop: Callable[..., Stock], body: bytes) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(stack.environment("operations")["LIVEDROPS_BROKER_URL"]))
    properties = pika.BasicProperties(content_type="application/json", content_encoding="utf-8", user_id="operations")
    connection.channel().basic_publish(RPC_EXCHANGE, "orders.get_stock", body, properties)
    connection.close()
    drop = open_drop()
    assert orders.get_stock(drop_id=drop.drop_id).drop_id == drop.drop_id


def test_errors_keep_their_data(orders: Orders, open_drop: Callable[..., Stock]) -> None:
    with pytest.raises(LiveDropsError) as caught:
        orders.get_stock(drop_id="00000000-0000-4000-8000-00000000dead")
    assert caught.value.data == {"drop_id": "00000000-0000-4000-8000-00000000dead"}
