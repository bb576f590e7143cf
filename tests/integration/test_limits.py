"""Rate limits and admission: an application of our own settings on the running mesh."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from gateway.app import make_app
from gateway.context import Gateway
from gateway.settings import GatewaySettings
from gateway.tokens import Tokens
from services.contracts.orders import Stock
from services.kernel.metrics import Metrics
from services.kernel.process import Process
from stack.api import Stack
from tests.conftest import PLACE_ORDER, Person


@contextmanager
def gateway_with(stack: Stack, metrics: Metrics, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[tuple[Gateway, Flask]]:
    """A gateway in this process, with these settings."""
    for name, value in (stack.environment("gateway") | {f"LIVEDROPS_{n.upper()}": str(v) for n, v in settings.items()}).items():
        monkeypatch.setenv(name, value)
    gateway = Gateway(Process(GatewaySettings.load(), metrics))
    gateway.rpc.start()
    assert gateway.rpc.wait_open(10)
    yield gateway, make_app(gateway)
    gateway.rpc.stop()


def ask(client: FlaskClient, address: str, token: str | None = None) -> Any:
    headers = {"X-Forwarded-For": address, **({"Authorization": f"Bearer {token}"} if token else {})}
    return client.post("/graphql", json={"query": "{__typename}"}, headers=headers)


def some_address() -> str:
    return f"client-{uuid.uuid4().hex}"


def test_an_address_that_asks_too_often_is_told_when_to_come_back(stack: Stack, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    with gateway_with(stack, metrics, monkeypatch, address_points_per_s=5, address_points_burst=20) as (_, app):
        client, address = app.test_client(), some_address()
        answers = [ask(client, address) for _ in range(40)]
        limited = [answer for answer in answers if answer.status_code == 429]
        assert 18 <= sum(answer.status_code == 200 for answer in answers) <= 24
        assert limited
        assert int(limited[0].headers["Retry-After"]) >= 1
        assert limited[0].json["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert ask(client, some_address()).status_code == 200


def test_a_person_is_limited_wherever_he_comes_from(
    stack: Stack, metrics: Metrics, monkeypatch: pytest.MonkeyPatch, person: Callable[..., Person]
) -> None:
    with gateway_with(stack, metrics, monkeypatch, person_points_per_s=5, person_points_burst=20) as (_, app):
        client, token = app.test_client(), person().token
        statuses = [ask(client, some_address(), token).status_code for _ in range(40)]
        assert 429 in statuses
        assert ask(client, some_address(), person().token).status_code == 200


def test_orders_that_come_too_late_count_as_all_others(
    stack: Stack, metrics: Metrics, monkeypatch: pytest.MonkeyPatch, person: Callable[..., Person], open_drop: Callable[..., Stock]
) -> None:
    drop = open_drop(total=1)
    person().buy(drop.drop_id)
    with gateway_with(stack, metrics, monkeypatch, person_points_per_s=1, person_points_burst=100) as (gateway, app):
        client, headers = app.test_client(), {"Authorization": f"Bearer {person().token}"}

        def buy() -> int:
            wish = {"dropId": drop.drop_id, "idempotencyKey": uuid.uuid4().hex}
            return client.post("/graphql", json={"query": PLACE_ORDER, "variables": {"input": wish}}, headers=headers).status_code

        statuses = [buy() for _ in range(40)]
        assert gateway.sold_out.knows_any()
        assert 19 <= statuses.count(200) <= 24  # five points each
        assert statuses[-1] == 429


def test_two_processes_share_one_limit(stack: Stack, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"address_points_per_s": 1, "address_points_burst": 30}
    with gateway_with(stack, metrics, monkeypatch, **limits) as (_, one), gateway_with(stack, metrics, monkeypatch, **limits) as (_, two):
        address, clients = some_address(), (one.test_client(), two.test_client())
        passed = sum(ask(clients[number % 2], address).status_code == 200 for number in range(80))
        assert 25 <= passed <= 36


def test_a_costly_operation_takes_more_of_the_limit(stack: Stack, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    with gateway_with(stack, metrics, monkeypatch, address_points_per_s=1, address_points_burst=60) as (_, app):
        client, address = app.test_client(), some_address()
        query = 'mutation{signIn(input:{email:"nobody@example.org",password:"12345678"}){userErrors{code}}}'
        statuses = [client.post("/graphql", json={"query": query}, headers={"X-Forwarded-For": address}).status_code for _ in range(6)]
        assert statuses.count(200) <= 3
        assert 429 in statuses


def test_a_client_can_not_forge_where_he_comes_from(stack: Stack, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ingress appends the true address; what stands before it is the client's own invention."""
    with gateway_with(stack, metrics, monkeypatch, address_points_per_s=1, address_points_burst=10) as (_, app):
        client, true_address = app.test_client(), some_address()
        statuses = [ask(client, f"{some_address()}, {true_address}").status_code for _ in range(30)]
        assert 429 in statuses


def test_without_redis_each_process_limits_alone(stack: Stack, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"address_points_per_s": 1, "address_points_burst": 20, "redis_url": "redis://127.0.0.1:1/0"}
    with gateway_with(stack, metrics, monkeypatch, **settings) as (_, app):
        client, address = app.test_client(), some_address()
        statuses = [ask(client, address).status_code for _ in range(40)]
        assert 18 <= statuses.count(200) <= 24
        assert 429 in statuses


def test_a_drop_with_too_many_orders_inside_is_busy_at_once_and_reads_go_on(
    stack: Stack,
    metrics: Metrics,
    monkeypatch: pytest.MonkeyPatch,
    open_drop: Callable[..., Stock],
    person: Callable[..., Person],
    tokens: Tokens,
) -> None:
    drop = open_drop(total=50)
    with gateway_with(stack, metrics, monkeypatch, orders_in_flight_per_drop=5) as (_, app), _held_row(stack, drop.drop_id):
        answers: list[Any] = []
        threads = [threading.Thread(target=lambda: answers.append(_buy(app, drop.drop_id, person().token))) for _ in range(12)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 3
        while len(answers) < 7 and time.monotonic() < deadline:
            time.sleep(0.01)
        busy = list(answers)
        begin = time.monotonic()
        assert app.test_client().post("/graphql", json={"query": "{__typename}"}).status_code == 200
        assert time.monotonic() - begin < 1
        for thread in threads:
            thread.join()
    assert len(busy) == 7
    for status, headers, body in busy:
        assert (status, headers["Retry-After"], body["errors"][0]["extensions"]["code"]) == (503, "1", "BUSY")


def _buy(app: Flask, drop_id: str, token: str) -> tuple[int, Any, Any]:
    variables = {"input": {"dropId": drop_id, "quantity": 1, "idempotencyKey": uuid.uuid4().hex}}
    headers = {"Authorization": f"Bearer {token}"}
    answer = app.test_client().post("/graphql", json={"query": PLACE_ORDER, "variables": variables}, headers=headers)
    return answer.status_code, answer.headers, answer.json


@contextmanager
def _held_row(stack: Stack, drop_id: str) -> Iterator[None]:
    """Somebody else holds the drop's row for two seconds: orders pile up."""
    import psycopg2

    connection = psycopg2.connect(stack.environment("orders")["LIVEDROPS_ORDERS_POSTGRES_URL"])
    with connection.cursor() as cursor:
        cursor.execute("select 1 from stock where drop_id = %s for update", (drop_id,))
        release = threading.Timer(2.0, connection.close)
        release.start()
        yield
        release.join()


@pytest.mark.parametrize(("environment", "status"), [("development", 200), ("production", 400)])
def test_a_browser_is_shown_graphiql_in_development_only(
    environment: str, status: int, stack: Stack, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gateway_with(stack, metrics, monkeypatch, env=environment) as (_, app):
        page = app.test_client().get("/graphql", headers={"Accept": "text/html"})
        assert page.status_code == status
        assert ("graphiql" in page.text.lower()) is (environment == "development")


def test_the_stock_in_the_cache_is_never_an_older_one(stack: Stack, metrics: Metrics, open_drop: Callable[..., Stock]) -> None:
    from services.kernel.cache import Cache

    url = stack.environment("gateway")["LIVEDROPS_REDIS_URL"]
    cache, key = Cache(url, metrics, 0.5), f"test:{uuid.uuid4()}"
    assert cache.set_if_newer("test", key, 5, 60, {"x": "five"})
    assert not cache.set_if_newer("test", key, 4, 60, {"x": "four"})
    assert not cache.set_if_newer("test", key, 5, 60, {"x": "five again"})
    assert cache.set_if_newer("test", key, 6, 60, {"x": "six"})
    assert cache.fields("test", key) == {b"version": b"6", b"x": b"six"}
    plain = redis.Redis.from_url(url)
    assert 0 < plain.ttl(key) <= 60
    plain.close()
    cache.close()
