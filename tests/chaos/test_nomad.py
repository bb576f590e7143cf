"""Parts of a mesh on Nomad are killed, and replaced by others, during a sale. Only with --long: the mesh is one of its own, and starting it takes minutes.

Killed is what does the work (SIGKILL), never what Nomad runs to look after it: it is Nomad that has to bring it back.
"""

import os
import random
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import requests
from pymongo import MongoClient
from pymongo.read_concern import ReadConcern

from services.contracts.analytics import Analytics
from services.contracts.notifications import Notifications
from services.contracts.orders import Orders
from services.contracts.users import Users
from services.kernel.cache import Cache
from services.kernel.metrics import Metrics
from services.kernel.rpc_client import RpcClient
from services.kernel.shown_stock import ShownStock
from stack import processes
from stack.nomad.mesh import Mesh
from stack.plan import SERVERS
from tests.chaos.buyers import Buyer, Wish
from tests.chaos.following import Circle
from tests.chaos.mesh_life import Life, Scene, mesh_life
from tests.chaos.sale import Market
from tests.conftest import ask, eventually, opening, signing_up
from tests.integration.receiving import receiver
from tests.integration.streams import Stream
from tests.meshes import environment_of, operations_of, people_of, processes_of, running_mesh

# Two minutes of life, and those that pushes may take.
pytestmark = pytest.mark.timeout(600)
# Everybody of these tests comes from one address, and receivers are on this machine.
SETTINGS = {
    **{f"gateway/{who}_points_{what}": "100000" for who in ("address", "person") for what in ("per_s", "burst")},
    "all/live_connections_per_address": "20000",
    "all/push_anywhere": "true",
}
BACK_WITHIN_S = 120.0
LOOKS_EVERY_S = 0.1
CACHE_DEADLINE_S = 1.0


@pytest.fixture(scope="module")
def mesh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    if not request.config.getoption("--long"):
        pytest.skip("a mesh of its own takes minutes: --long")
    with running_mesh(tmp_path_factory.mktemp("nomad"), SETTINGS) as here:
        yield here


@pytest.fixture(autouse=True)
def _whole_again(mesh: Mesh) -> Iterator[None]:
    """Of the mesh, where the other chaos tests have the stack: after each test everything is as it should be."""
    yield
    mesh.wait_well([state.name for state in mesh.states()], BACK_WITHIN_S)


@pytest.fixture(scope="module")
def client(mesh: Mesh, metrics: Metrics) -> Iterator[RpcClient]:
    with operations_of(mesh, metrics) as here:
        yield here


@pytest.fixture(scope="module")
def market(mesh: Mesh, client: RpcClient) -> Market:
    sql = partial(ask, environment_of(mesh, "orders")["LIVEDROPS_ORDERS_POSTGRES_URL"])
    orders, broker_url = client.service("orders", Orders), environment_of(mesh, "operations")["LIVEDROPS_BROKER_URL"]
    return Market(orders, client.service("analytics", Analytics), sql, opening(orders), people_of(mesh), mesh.address(), broker_url)


@pytest.fixture(scope="module")
def circle(mesh: Mesh, client: RpcClient, market: Market) -> Iterator[Circle]:
    users = client.service("users", Users)
    with MongoClient[dict[str, Any]](environment_of(mesh, "users")["LIVEDROPS_USERS_MONGO_URL"], tz_aware=True) as store:
        yield Circle(users, signing_up(users), store.get_database("users", read_concern=ReadConcern("majority")), market.broker_url)


@pytest.fixture(scope="module")
def scene(mesh: Mesh, client: RpcClient, market: Market, circle: Circle, metrics: Metrics) -> Iterator[Scene]:
    shown = ShownStock(Cache(environment_of(mesh, "orders")["LIVEDROPS_REDIS_URL"], metrics, CACHE_DEADLINE_S))
    with receiver() as hooks:
        yield Scene(market, circle, client.service("notifications", Notifications), shown, hooks)


# Made before something is killed; called afterwards, it returns once a part has done something anew.
Proof = Callable[[Life], Callable[[], object]]


def somebody(life: Life) -> Buyer:
    """No part of the sale."""
    return Buyer(life.scene.market.person(), life.scene.market.address, life.spare.drop_id, True, random.Random())


def wish() -> Wish:
    return Wish(str(uuid.uuid4()), 1)


def an_order(life: Life) -> Callable[[], object]:
    buyer = somebody(life)
    return lambda: buyer.insist(wish())


def a_note(life: Life) -> Callable[[], object]:
    """Of an order, in the inbox."""
    buyer = somebody(life)

    def noted() -> None:
        buyer.insist(wish())
        eventually(lambda: life.scene.notifications.last_numbers(user_ids=[buyer.person.id]) == [1], BACK_WITHIN_S)

    return noted


def a_push(life: Life) -> Callable[[], object]:
    """Of an order, at a webhook."""
    buyer = somebody(life)
    life.scene.add_hook(buyer.person.id)

    def pushed() -> None:
        buyer.insist(wish())
        eventually(lambda: life.scene.hooks.at(f"/{buyer.person.id}"), BACK_WITHIN_S)

    return pushed


def a_listed_follow(life: Life) -> Callable[[], object]:
    """In the list that is derived from it."""
    users = life.scene.circle.users
    fan, creator = life.scene.circle.sign_up().id, life.scene.circle.sign_up().id

    def listed() -> None:
        users.follow(user_id=fan, creator_id=creator)
        eventually(lambda: users.list_followers(creator_id=creator, first=1).people, BACK_WITHIN_S)

    return listed


def a_shown_stock(life: Life) -> Callable[[], object]:
    """In Redis, as the books have it."""
    buyer, orders, spare = somebody(life), life.scene.market.orders, life.spare.drop_id

    def is_shown() -> bool:
        shown = life.scene.shown.look(spare)
        return shown is not None and shown.version == orders.get_stock(drop_id=spare).version

    def ordered() -> None:
        buyer.insist(wish())
        eventually(is_shown, BACK_WITHIN_S)

    return ordered


def a_stream(life: Life) -> Callable[[], object]:
    """That tells the stock."""

    def opened() -> Stream | None:
        stream = Stream(life.scene.market.address, f"/live?drop={life.drop.drop_id}")
        return stream if stream.status == 200 else None

    def told() -> None:
        stream = eventually(opened, BACK_WITHIN_S)
        stream.wait_for("stock", timeout_s=BACK_WITHIN_S)
        stream.close()

    return told


@dataclass(frozen=True)
class Part:
    """job: whose processes are killed, of one of several or of all. proof: that it does its work."""

    job: str
    proof: Proof
    all: bool = False

    def victims(self, mesh: Mesh) -> list[int]:
        if self.job in SERVERS:
            # It has become another program, with an environment of its own, and has children.
            listener = processes.listener_of(mesh.parts.wiring.ports[self.job])
            return processes.tree(listener) if listener else []
        of_each = list(processes_of(mesh, self.job).values())
        return [pid for pids in (of_each if self.all else of_each[:1]) for pid in pids]

    def is_back(self, mesh: Mesh) -> bool:
        """Whether as many as there should be are healthy in Consul, and are so indeed: Consul looks every second at most."""
        places, wanted = mesh.parts.consul.healthy(self.job), len(mesh.parts.scheduler.allocations(self.job))
        return len(places) == wanted and all(self._is_ready(*place) for place in places)

    def _is_ready(self, host: str, port: int) -> bool:
        if self.job in SERVERS:
            return processes.listener_of(port) is not None
        try:
            return requests.get(f"http://{host}:{port}/readyz", timeout=5).ok
        except requests.RequestException:
            return False


PARTS = {
    "gateway, one of two": Part("gateway", an_order),
    "gateway, both": Part("gateway", an_order, all=True),
    "orders": Part("orders", an_order),
    "orders-relay": Part("orders-relay", a_note),
    "users-capture": Part("users-capture", a_listed_follow),
    "notifications-push": Part("notifications-push", a_push),
    "live": Part("live", a_stream),
    "rabbitmq": Part("rabbitmq", an_order),
    "redis": Part("redis", a_shown_stock),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_killed_part_comes_back_and_nothing_is_lost_or_doubled(name: str, mesh: Mesh, scene: Scene) -> None:
    part = PARTS[name]
    with mesh_life(scene, watched=part.job != "rabbitmq") as life:
        proof = part.proof(life)
        life.wait_for_more()
        victims, begin = part.victims(mesh), time.monotonic()
        kill(victims)
        with ThreadPoolExecutor() as threads:
            works = threads.submit(seconds_since, begin, proof)
            back = threads.submit(seconds_since, begin, lambda: eventually(lambda: part.is_back(mesh), BACK_WITHIN_S, LOOKS_EVERY_S))
        life.wait_for_more()
    print(row(name, back.result(), works.result(), life))


def kill(victims: Sequence[int]) -> None:
    """All of them, and wait for their end."""
    assert victims
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(map(processes.is_alive, victims)))


def seconds_since(begin: float, happens: Callable[[], object]) -> float:
    happens()
    return time.monotonic() - begin


def row(name: str, back_s: float, works_s: float, life: Life) -> str:
    """Of the table in docs/performance.md."""
    sale, (noted_s, pushed_s) = life.sale, life.told_within_s()
    setbacks = ", ".join(f"{count} {why}" for why, count in sorted(sale.setbacks().items()) if why != "impatience") or "none"
    orders = f"{len(sale.accepted())} | {sale.longest_silence_s():.1f} | {sale.longest_wait_s():.1f} | {setbacks}"
    told = f"{life.lost_streams()} | {noted_s:.1f} | {pushed_s:.1f} | {life.pushed_again()}"
    return f"\n| {name} | {back_s:.1f} | {works_s:.1f} | {orders} | {told} |"
