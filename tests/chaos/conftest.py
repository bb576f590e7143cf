"""What the chaos tests share. Every one of them leaves the stack whole, whatever became of it."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from pymongo import MongoClient
from pymongo.read_concern import ReadConcern

from gateway.tokens import Tokens
from services.contracts.analytics import Analytics
from services.contracts.orders import Orders, Stock
from services.contracts.users import Role, User, Users
from services.kernel.rpc_client import RpcClient
from stack.api import Stack
from tests.chaos.disturbances import Failpoints, running_with
from tests.chaos.following import Circle
from tests.chaos.graph import UsersStore
from tests.chaos.sale import Market
from tests.conftest import Person


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest) -> Callable[[int, int], range]:
    """How often to disturb: the first number in the short form, the second with --long."""
    is_long = bool(request.config.getoption("--long"))
    return lambda short, long: range(long if is_long else short)


@pytest.fixture(scope="session")
def market(
    stack: Stack,
    orders: Orders,
    operations: RpcClient,
    sql: Callable[..., list[tuple[Any, ...]]],
    open_drop: Callable[..., Stock],
    person: Callable[..., Person],
    address: str,
) -> Market:
    analytics = operations.service("analytics", Analytics)
    return Market(orders, analytics, sql, open_drop, person, address, stack.environment("operations")["LIVEDROPS_BROKER_URL"])


@pytest.fixture(scope="session")
def patient_market(stack: Stack, market: Market) -> Market:
    """With people whose tokens live longer than a clock is wrong; a gateway an hour ahead is right to refuse the others."""
    tokens = Tokens(stack.environment("gateway")["LIVEDROPS_JWT_KEY"], "livedrops", life_s=7200)

    def signed_in() -> Person:
        return Person(market.address, tokens, User(str(uuid.uuid4()), "Somebody", "somebody@example.org", [Role.FAN], datetime.now(UTC)))

    return replace(market, person=signed_in)


@pytest.fixture(scope="session")
def users_store(stack: Stack) -> Iterator[UsersStore]:
    """The database of users, as a majority has it."""
    with MongoClient[dict[str, Any]](stack.environment("users")["LIVEDROPS_USERS_MONGO_URL"], tz_aware=True) as client:
        yield client.get_database("users", read_concern=ReadConcern("majority"))


@pytest.fixture(scope="session")
def circle(stack: Stack, users: Users, sign_up: Callable[..., User], users_store: UsersStore) -> Circle:
    return Circle(users, sign_up, users_store, stack.environment("operations")["LIVEDROPS_BROKER_URL"])


@pytest.fixture(scope="session")
def cache(stack: Stack) -> Iterator["redis.Redis"]:
    client = redis.Redis.from_url(stack.environment("orders")["LIVEDROPS_REDIS_URL"])
    yield client
    client.close()


@pytest.fixture(scope="module")
def failpoints(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failpoints]:
    """Armed, in every unit that has one."""
    points = Failpoints(tmp_path_factory.mktemp("failpoints"))
    with running_with(
        stack,
        dict.fromkeys(("orders", "orders-relay", "orders-views", "products", "products-clock", "users-capture"), points.environment()),
    ):
        yield points


@pytest.fixture(autouse=True)
def _whole_again(stack: Stack) -> Iterator[None]:
    """After each test, everything runs and is ready."""
    yield
    names = [row.process.name for row in stack.status() if row.process.name != "epmd"]
    for name in names:
        stack.start(name)
    for name in names:
        stack.wait_ready(name)
