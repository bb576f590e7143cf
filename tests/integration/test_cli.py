"""The livedrops command against the running stack, as a person types it."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any

import pika
import pytest

from services.contracts.orders import Orders, PlaceOrder, Stock
from services.kernel import topology
from stack.api import Stack
from tests.conftest import eventually

Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def livedrops(stack: Stack) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run the command; never a traceback."""
    environment = os.environ | stack.environment("operations")

    def run(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "cli.main", "--profile", "test", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, env=environment)
        assert "Traceback" not in done.stderr
        return done

    return run


def test_every_command_has_help(livedrops: Callable[..., Any]) -> None:
    for command in (
        "",
        "stack",
        "stack up",
        "migrate",
        "rpc",
        "events tail",
        "analytics show",
        "analytics rebuild",
        "dlq list",
        "dlq show",
        "dlq replay",
        "reconcile",
        "demo load",
    ):
        done = livedrops(*command.split(), "--help")
        assert done.returncode == 0, command
        assert "Usage:" in done.stdout


def test_an_rpc_answers_json_and_an_error_its_code(livedrops: Callable[..., Any], open_drop: Callable[..., Stock]) -> None:
    drop = open_drop(total=7)
    good = livedrops("rpc", "orders.get_stock", json.dumps({"drop_id": drop.drop_id}))
    assert json.loads(good.stdout)["total"] == 7
    piped = livedrops("rpc", "orders.get_stock", "-", stdin=json.dumps({"drop_id": drop.drop_id}))
    assert piped.stdout == good.stdout
    missing = livedrops("rpc", "orders.get_stock", json.dumps({"drop_id": str(uuid.uuid4())}))
    assert (missing.returncode, missing.stderr.startswith("NOT_FOUND")) == (1, True)


@pytest.mark.parametrize(
    "arguments", [("orders.get_stok", "{}"), ("orders.get_stock", "{"), ("nowhere.x", "{}"), ("orders", "{}"), ("orders.get_stock", "[]")]
)
def test_a_mistyped_rpc_is_explained(livedrops: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    done = livedrops("rpc", *arguments)
    assert done.returncode == 2
    assert done.stderr


def test_the_list_of_rpcs_has_their_signatures(livedrops: Callable[..., Any]) -> None:
    told = livedrops("rpc", "--list").stdout
    assert "get_stock(drop_id: str) -> Stock" in told
    assert "sign_up(name: str, email: str, password: str) -> User" in told


def test_events_are_seen_as_they_come(livedrops: Callable[..., Any], stack: Stack, orders: Orders, open_drop: Callable[..., Stock]) -> None:
    drop = open_drop()
    command = [sys.executable, "-m", "cli.main", "--profile", "test", "events", "tail", "order.*", "--for-s", "20", "--count", "1"]
    watcher = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | stack.environment("operations")
    )
    assert watcher.stderr is not None
    assert "listening" in watcher.stderr.readline()
    order = orders.place_order(request=PlaceOrder(drop.drop_id, str(uuid.uuid4()), 1, "k"))
    told, _ = watcher.communicate(timeout=30)
    assert json.loads(told.splitlines()[0])["data"]["order"]["id"] == order.id


def test_a_dead_letter_is_listed_shown_and_replayed(livedrops: Callable[..., Any], stack: Stack) -> None:
    event_id = str(uuid.uuid4())
    connection = pika.BlockingConnection(pika.URLParameters(stack.environment("orders-relay")["LIVEDROPS_BROKER_URL"]))
    channel = connection.channel()
    channel.confirm_delivery()
    properties = pika.BasicProperties(
        content_type="application/json", content_encoding="utf-8", message_id=event_id, user_id="orders-relay"
    )
    channel.basic_publish(topology.EVENTS_EXCHANGE, "order.confirmed", b'{"type": "nonsense"}', properties)
    connection.close()
    eventually(lambda: event_id in livedrops("dlq", "show", "orders.views", "--count", "1000").stdout)
    assert "orders.views" in livedrops("dlq", "list").stdout
    assert livedrops("dlq", "replay", "orders.views").returncode == 2
    replayed = livedrops("dlq", "replay", "orders.views", "--id", event_id)
    assert replayed.returncode == 0
    # It is still nonsense, and dies again: nothing of it was lost.
    eventually(lambda: event_id in livedrops("dlq", "show", "orders.views", "--count", "1000").stdout)


def test_queues_show_what_waits_how_old_it_is_and_what_is_tried_again(
    livedrops: Callable[..., Any], stack: Stack, orders: Orders, open_drop: Callable[..., Stock]
) -> None:
    def state() -> dict[str, Any]:
        told = json.loads(livedrops("dlq", "list", "--json").stdout)
        return next(dict(one) for one in told["consumers"] if one["consumer"] == "orders.views")

    stack.stop("orders-views")
    try:
        orders.place_order(request=PlaceOrder(open_drop().drop_id, str(uuid.uuid4()), 1, "k"))
        waiting = eventually(lambda: (found := state())["waiting"] and found)
        assert 0 <= waiting["oldest_s"] < 60
        connection = pika.BlockingConnection(pika.URLParameters(stack.environment("orders-views")["LIVEDROPS_BROKER_URL"]))
        connection.channel().basic_publish(topology.delay_exchange(30), topology.event_queue("orders.views"), b"{}")
        eventually(lambda: state()["retrying"] == waiting["retrying"] + 1)
        connection.close()
        # Looking took nothing away.
        assert state()["waiting"] == waiting["waiting"]
        assert "OLDEST" in livedrops("dlq", "list").stdout
    finally:
        stack.start("orders-views")
        stack.wait_ready("orders-views")
    eventually(lambda: state()["waiting"] == 0)


def test_analytics_are_shown_and_counted_anew(livedrops: Callable[..., Any], orders: Orders, open_drop: Callable[..., Stock]) -> None:
    drop = open_drop()
    assert "Nothing was counted" in livedrops("analytics", "show", "--drop", drop.drop_id).stdout
    orders.place_order(request=PlaceOrder(drop.drop_id, str(uuid.uuid4()), 3, "k"))
    eventually(lambda: json.loads(livedrops("analytics", "show", "--drop", drop.drop_id, "--json").stdout)["totals"].get("units") == 3)
    assert "UNITS" in livedrops("analytics", "show", "--creator", drop.creator_id, "--grain", "hour", "--last", "2").stdout
    assert livedrops("analytics", "rebuild", "--drop", drop.drop_id).stdout.startswith("counted 1, repaired ")
    assert livedrops("analytics", "rebuild").returncode == 2
    assert livedrops("analytics", "rebuild", "--drop", str(uuid.uuid4())).returncode == 1


def test_reconcile_finds_a_falsified_book_and_says_so_with_its_exit_code(
    livedrops: Callable[..., Any], orders: Orders, open_drop: Callable[..., Stock], sql: Sql
) -> None:
    drop = open_drop()
    assert livedrops("reconcile", "--drop", drop.drop_id).returncode == 0
    sql("update stock set available = available - 1, sold = sold + 1 where drop_id = %s", drop.drop_id)
    try:
        found = livedrops("reconcile", "--drop", drop.drop_id)
        assert found.returncode == 1
        assert drop.drop_id in found.stdout
    finally:
        sql("update stock set available = available + 1, sold = sold - 1 where drop_id = %s", drop.drop_id)


def test_migrating_again_does_nothing_and_the_demo_is_found_again_and_sells(livedrops: Callable[..., Any], orders: Orders) -> None:
    assert livedrops("migrate").returncode == 0
    first, again = (json.loads(livedrops("demo", "load").stdout) for _ in range(2))
    assert first["drop"]["drop_id"] == again["drop"]["drop_id"]
    wish = PlaceOrder(first["drop"]["drop_id"], str(uuid.uuid4()), 1, "at-once")
    assert orders.place_order(request=wish).name == "Demo: Night Runner"
    assert {person["role"] for person in first["people"]} == {"FAN", "CREATOR", "OPERATOR"}


def test_without_a_broker_it_says_so(stack: Stack) -> None:
    environment = os.environ | stack.environment("operations") | {"LIVEDROPS_BROKER_URL": "amqp://x:y@127.0.0.1:1/livedrops"}
    command = [sys.executable, "-m", "cli.main", "rpc", "orders.reconcile", "{}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr
