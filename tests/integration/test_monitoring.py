"""Monitoring beside the running stack: what people do is measured, what breaks is told, and told to be over."""

import re
from collections.abc import Callable, Iterator

import pytest
import requests

from monitoring.alerts import all_alerts
from monitoring.boards.definitions import BOARDS
from services.contracts.orders import Stock
from services.contracts.users import User, Users
from stack.api import Stack
from tests.conftest import Person, eventually
from tests.watching import Watched
from tests.watching import watched as watching

# What an order, its event, a follow and a look at a page leave behind, in what the servers say of themselves and in what nobody else says.
METRICS = (
    'livedrops_orders_total{outcome="CONFIRMED"}',
    'livedrops_http_request_seconds_bucket{kind="order",operation="placeOrder",status="200",le="0.5"}',
    'livedrops_http_request_seconds_bucket{kind="read",operation="drop",le="0.2"}',
    'livedrops_http_request_seconds_count{kind="read",operation="list_products"}',
    'livedrops_http_request_seconds_count{kind="write",operation="follow"}',
    'livedrops_rpc_client_seconds_count{service="orders",method="place_many"}',
    'livedrops_rpc_server_seconds_count{service="orders",method="place_many"}',
    'livedrops_drop_lock_wait_seconds_count{drop="others"}',
    'livedrops_drop_connection_held_seconds_count{drop="others"}',
    'livedrops_store_connection_held_seconds_count{store="orders"}',
    'livedrops_cache_looks_total{family="stock"}',
    'livedrops_events_total{consumer="orders.views",result="handled"}',
    'livedrops_follower_page_seconds_count{size="under_1k"}',
    "livedrops_capture_changes_total",
    "livedrops_notification_delay_seconds_count",
    "livedrops_books_units_checked_total",
    'livedrops_sightings_total{what="reports"}',
    'livedrops_unit_ready{unit="gateway",process="gateway-2"}',
    'livedrops_source_up{source="broker"}',
    "livedrops_mongo_primary",
    "pg_up",
    "redis_up",
    'haproxy_backend_active_servers{proxy="orders"}',
    "rabbitmq_process_resident_memory_bytes",
)
# There, and nought while all is well.
QUIET = (
    "livedrops_books_unbalanced",
    "livedrops_books_units_astray",
    'livedrops_queue_oldest_seconds{queue="orders.views"}',
    'livedrops_dead_letters{queue="orders.views"}',
    'livedrops_outbox_oldest_seconds{context="orders"}',
    "livedrops_capture_lag_seconds",
    "livedrops_capture_behind_seconds",
    "rabbitmq_alarms_memory_used_watermark",
)
LOOK = "query L($id: ID!) { drop(id: $id) { id } }"


@pytest.fixture(scope="module")
def watched(stack: Stack) -> Iterator[Watched]:
    with watching(stack) as here:
        yield here


@pytest.fixture(scope="module")
def busy(stack: Stack, watched: Watched, sign_up: Callable[[], User], users: Users) -> Callable[[Callable[..., Person], Stock], None]:
    """Do once what the metrics are of."""
    fan, creator = sign_up(), sign_up()

    def work(person: Callable[..., Person], drop: Stock) -> None:
        buyer = person(user_id=fan.id)
        buyer.buy(drop.drop_id)
        buyer.graphql(LOOK, {"id": drop.drop_id})
        buyer.get("/products")
        buyer.get(f"/user/{creator.id}/followers")
        for path in ("follow", "unfollow"):
            requests.post(
                f"{stack.address('ingress')}/{path}", json={"creatorId": creator.id}, headers=dict(buyer.http.headers), timeout=15
            )

    return work


def test_everybody_is_asked(watched: Watched) -> None:
    eventually(lambda: set(watched.targets().values()) == {"up"}, timeout_s=20)


def test_what_people_do_is_found_in_prometheus_by_its_name(
    watched: Watched, busy: Callable[..., None], person: Callable[..., Person], open_drop: Callable[..., Stock]
) -> None:
    drop = open_drop(1_000)
    missing = list(METRICS)

    def all_found() -> bool:
        busy(person, drop)
        missing[:] = [metric for metric in missing if not watched.value(f"sum({metric})")]
        return not missing

    try:
        eventually(all_found, timeout_s=30, every_s=0.5)
    except BaseException as error:
        raise AssertionError(f"not measured: {missing}") from error
    assert [metric for metric in QUIET if watched.value(f"sum({metric})") is None] == []


def test_no_metric_of_ours_lacks_a_rule(watched: Watched) -> None:
    """A name that the mapping does not know is dropped, and counted."""
    assert not watched.value('sum(statsd_exporter_events_actions_total{action="drop"})')
    assert not watched.value("sum(statsd_exporter_events_conflict_total)")


def test_what_rules_and_boards_ask_of_servers_is_told_by_these(watched: Watched, stack: Stack) -> None:
    expressions = [alert.expression for alert in all_alerts()] + [
        line.expression for board in BOARDS for panel in board.panels for line in panel.lines
    ]
    prefixes = ["haproxy", "rabbitmq", "pg", "redis", "node", *(["elasticsearch"] if stack.has("elasticsearch") else [])]
    wanted = {name for text in expressions for name in re.findall(rf"\b(?:{'|'.join(prefixes)})_[a-z_]+\b", text)}

    assert len(wanted) > 10
    eventually(lambda: wanted <= watched.names(), timeout_s=20)


def test_a_stopped_unit_is_told_and_its_return_as_well(watched: Watched, stack: Stack) -> None:
    unit = "analytics-events"
    stack.stop(unit)
    try:
        told = eventually(lambda: watched.notices("UnitNotReady", unit=unit), timeout_s=30)
    finally:
        stack.start(unit)
        stack.wait_ready(unit)

    assert told[0]["status"] == "firing"
    assert told[0]["labels"]["severity"] == "page"
    assert told[0]["annotations"] == {"summary": f"{unit} is not ready", "runbook": "docs/runbooks/unit-not-ready.md"}
    eventually(lambda: watched.notices("UnitNotReady", unit=unit)[-1]["status"] == "resolved", timeout_s=30)


def test_the_pages_are_served_by_prometheus_itself(watched: Watched) -> None:
    for name in ("index.html", "main.js", "boards.json"):
        answer = requests.get(f"{watched.prometheus}/user/{name}", timeout=5)
        assert (answer.status_code, bool(answer.text)) == (200, True)
