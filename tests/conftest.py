"""What tests share: one running stack of the profile `test` for the session, and the means to talk to it.

Each test makes its own drops and people, so tests run in any order and beside each other.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import hypothesis
import psycopg2
import pytest
import requests

from gateway.tokens import Tokens
from services.contracts.orders import OpenStock, Orders, Stock
from services.contracts.products import Products
from services.contracts.users import Role, User, Users
from services.contracts.values import Money
from services.kernel.metrics import Metrics
from services.kernel.publisher import EventPublisher
from services.kernel.rpc_client import RpcClient
from stack.api import Stack

# The whole suite comes from one address and must not meet its own rate limit; the limits' tests bring their own.
SETTINGS = {
    "LIVEDROPS_ADDRESS_POINTS_PER_S": "100000",
    "LIVEDROPS_ADDRESS_POINTS_BURST": "100000",
    "LIVEDROPS_PERSON_POINTS_PER_S": "100000",
    "LIVEDROPS_PERSON_POINTS_BURST": "100000",
    "LIVEDROPS_LIVE_CONNECTIONS_PER_ADDRESS": "20000",
    "LIVEDROPS_RECONCILE_EVERY_S": "0.5",
    # Receivers of tests are on this machine.
    "LIVEDROPS_PUSH_ANYWHERE": "true",
}
# A busy machine is no fault of the code's.
hypothesis.settings.register_profile("livedrops", deadline=None)
hypothesis.settings.load_profile("livedrops")
PASSWORD = "correct horse battery"
PLACE_ORDER = """
mutation P($input: PlaceOrderInput!) {
  placeOrder(input: $input) { order { id quantity status name placedAt unitPrice { amount currency } } userErrors { code message field } }
}
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the chaos tests in full (minutes each) instead of in their short form")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A running stack. It stays up for the next run; `make test` stops it at the end."""
    os.environ.update(SETTINGS)
    running = Stack.of_profile("test")
    running.up(progress=lambda line: None)
    yield running


@pytest.fixture(scope="session")
def elasticsearch_url(stack: Stack) -> str:
    """Address of the search engine. Tests that need it are skipped where it can't be had, but never in CI."""
    return elasticsearch_url_of(stack)


def elasticsearch_url_of(stack: Stack) -> str:
    if not stack.has("elasticsearch"):
        reason = f"no Elasticsearch here: {stack.why_absent('elasticsearch')}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return stack.environment("operations")["LIVEDROPS_SEARCH_ELASTICSEARCH_URL"]


@pytest.fixture(scope="session")
def metrics() -> Iterator[Metrics]:
    sent = Metrics()
    yield sent
    sent.stop()


@pytest.fixture
def publisher_of(stack: Stack) -> Iterator[Callable[[str], EventPublisher]]:
    """Publishes as this unit does."""
    made: list[EventPublisher] = []

    def make(unit: str) -> EventPublisher:
        made.append(EventPublisher(stack.environment(unit)["LIVEDROPS_BROKER_URL"], "tests"))
        made[-1].start()
        return made[-1]

    yield make
    for publisher in made:
        publisher.stop()


@pytest.fixture(scope="session")
def operations(stack: Stack, metrics: Metrics) -> Iterator[RpcClient]:
    """The RPC client of the team of operators."""
    client = RpcClient(stack.environment("operations")["LIVEDROPS_BROKER_URL"], "tests", metrics)
    client.start()
    assert client.wait_open(10)
    yield client
    client.stop()


@pytest.fixture(scope="session")
def orders(operations: RpcClient) -> Orders:
    return operations.service("orders", Orders)


@pytest.fixture(scope="session")
def products(operations: RpcClient) -> Products:
    return operations.service("products", Products)


@pytest.fixture(scope="session")
def users(operations: RpcClient) -> Users:
    return operations.service("users", Users)


@pytest.fixture(scope="session")
def sign_up(users: Users) -> Callable[..., User]:
    return signing_up(users)


def signing_up(users: Users) -> Callable[..., User]:
    """Signs up a new user; the name is theirs alone unless one is given."""

    def make(name: str | None = None) -> User:
        unique = uuid.uuid4().hex
        return users.sign_up(name=name or f"Person {unique}", email=f"{unique}@example.org", password=PASSWORD)

    return make


@pytest.fixture(scope="session")
def sql(stack: Stack) -> Callable[..., list[tuple[Any, ...]]]:
    """Ask the books' database straight; each call is a transaction of its own."""
    return partial(ask, stack.environment("orders")["LIVEDROPS_ORDERS_POSTGRES_URL"])


@pytest.fixture(scope="session")
def products_sql(stack: Stack) -> Callable[..., list[tuple[Any, ...]]]:
    """Ask the products' database straight."""
    return partial(ask, stack.environment("products")["LIVEDROPS_PRODUCTS_POSTGRES_URL"])


def ask(url: str, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Ask this database, in a transaction of its own."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


@pytest.fixture(scope="session")
def open_drop(orders: Orders) -> Callable[..., Stock]:
    return opening(orders)


def opening(orders: Orders) -> Callable[..., Stock]:
    """Opens a drop that is on sale now; keywords change what is opened."""

    def make(total: int = 10, **changes: Any) -> Stock:
        now = datetime.now(UTC)
        values: dict[str, Any] = {
            "drop_id": str(uuid.uuid4()),
            "creator_id": str(uuid.uuid4()),
            "name": "A shirt",
            "starts_at": now - timedelta(hours=1),
            "ends_at": now + timedelta(hours=6),
            "total": total,
            "unit_price": Money(4900, "EUR"),
        }
        return orders.open_stock(stock=OpenStock(**{**values, **changes}))

    return make


class Person:
    """A signed-in person with a client of their own."""

    def __init__(self, address: str, tokens: Tokens, user: User) -> None:
        self.id = user.id
        self.token = tokens.issue(user)
        self._address = address
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    def graphql(self, query: str, variables: dict[str, Any] | None = None, **headers: str) -> requests.Response:
        return self.http.post(f"{self._address}/graphql", json={"query": query, "variables": variables}, headers=headers, timeout=15)

    def buy(self, drop_id: str, quantity: int = 1, key: str | None = None) -> requests.Response:
        wish = {"dropId": drop_id, "quantity": quantity, "idempotencyKey": key or str(uuid.uuid4())}
        return self.graphql(PLACE_ORDER, {"input": wish})

    def post_order(self, drop_id: str, quantity: int = 1, key: str | None = None) -> requests.Response:
        """Over REST."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        return self.http.post(f"{self._address}/order", json={"dropId": drop_id, "quantity": quantity}, headers=headers, timeout=15)

    def get(self, path: str) -> requests.Response:
        return self.http.get(f"{self._address}{path}", timeout=15)


@pytest.fixture(scope="session")
def address(stack: Stack) -> str:
    """The public address, behind the ingress."""
    return stack.address("ingress")


@pytest.fixture(scope="session")
def tokens(stack: Stack) -> Tokens:
    """Issues access tokens as the gateway does."""
    return Tokens(stack.environment("gateway")["LIVEDROPS_JWT_KEY"], "livedrops", 900)


@pytest.fixture(scope="session")
def person(address: str, tokens: Tokens) -> Callable[..., Person]:
    """A new person with these roles, signed in. Not known to the users service, which orders never asks."""

    def make(*roles: Role, user_id: str | None = None) -> Person:
        user = User(user_id or str(uuid.uuid4()), "Somebody", "somebody@example.org", list(roles) or [Role.FAN], datetime.now(UTC))
        return Person(address, tokens, user)

    return make


def eventually(check: Callable[[], Any], timeout_s: float = 15.0, every_s: float = 0.05) -> Any:
    """What `check` answers as soon as it is true. Fails past the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout_s} s")
        time.sleep(every_s)
