"""Parts of a mesh on Nomad are killed, and replaced by others, during a sale. Only with --long: the mesh is one of its own, and starting it takes minutes.

Killed is what does the work (SIGKILL), never what Nomad runs to look after it: it is Nomad that has to bring it back.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
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
from stack.nomad.mesh import Mesh, job_file
from stack.nomad.scheduler import LOOK_EVERY_S
from tests.chaos.following import Circle
from tests.chaos.mesh_life import Life, Scene, mesh_life
from tests.chaos.mesh_parts import PARTS
from tests.chaos.sale import Market
from tests.chaos.steady import steady_orders
from tests.conftest import ask, eventually, opening, signing_up
from tests.integration.receiving import receiver
from tests.load.generator import Report
from tests.meshes import environment_of, operations_of, people_of, running_mesh, state_of

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
DEPLOYED_WITHIN_S = 240.0
# What is replaced under load.
REPLACED = ("gateway", "orders")
# Versions that never get ready: the job, and what of its file is written in place of what.
BROKEN = {
    "gateway that ends at once": ("gateway", '"-m", "gateway"', '"-m", "gateway.missing"'),
    "orders that ends at once": ("orders", '"services.orders.service:OrdersService"', '"services.missing:Nothing"'),
    "orders that can't reach its books": (
        "orders",
        'LIVEDROPS_UNIT      = "orders"',
        'LIVEDROPS_UNIT      = "orders"\nLIVEDROPS_ORDERS_POSTGRES_URL = "postgresql://nobody@127.0.0.1:1/orders"',
    ),
}


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
    sql = partial(ask, environment_of(mesh)["LIVEDROPS_ORDERS_POSTGRES_URL"])
    orders, broker_url = client.service("orders", Orders), environment_of(mesh)["LIVEDROPS_BROKER_URL"]
    return Market(orders, client.service("analytics", Analytics), sql, opening(orders), people_of(mesh), mesh.address(), broker_url)


@pytest.fixture(scope="module")
def circle(mesh: Mesh, client: RpcClient, market: Market) -> Iterator[Circle]:
    users = client.service("users", Users)
    with MongoClient[dict[str, Any]](environment_of(mesh)["LIVEDROPS_USERS_MONGO_URL"], tz_aware=True) as store:
        yield Circle(users, signing_up(users), store.get_database("users", read_concern=ReadConcern("majority")), market.broker_url)


@pytest.fixture(scope="module")
def scene(mesh: Mesh, client: RpcClient, market: Market, circle: Circle, metrics: Metrics) -> Iterator[Scene]:
    shown = ShownStock(Cache(environment_of(mesh)["LIVEDROPS_REDIS_URL"], metrics, CACHE_DEADLINE_S))
    with receiver() as hooks:
        yield Scene(market, circle, client.service("notifications", Notifications), shown, hooks)


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


@pytest.mark.parametrize("name", ["orders", "orders-relay", "notifications-push"])
def test_what_is_stopped_and_started_anew_tells_nothing_twice(name: str, mesh: Mesh, scene: Scene) -> None:
    part = PARTS[name]
    with mesh_life(scene) as life:
        life.wait_for_more()
        victims, begin = part.victims(mesh), time.monotonic()
        for allocation in mesh.parts.scheduler.allocations(name):
            mesh.parts.scheduler.restart(allocation["ID"], name)
        eventually(lambda: not any(map(processes.is_alive, victims)) and part.is_back(mesh), BACK_WITHIN_S, LOOKS_EVERY_S)
        back_s = time.monotonic() - begin
        life.wait_for_more()
    print(row(f"{name}, stopped and started", back_s, back_s, life))
    assert (life.heard_again(), life.pushed_again()) == (0, 0)


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


def broken(name: str, folder: Path) -> tuple[str, Path]:
    """The job, and its file with this fault."""
    job, sound, fault = BROKEN[name]
    file, text = folder / f"{job}.nomad.hcl", job_file(job).read_text()
    assert sound in text
    file.write_text(text.replace(sound, fault))
    return job, file


def told(what: str, report: Report, took_s: float) -> str:
    seen = report.classes["accepted"]
    times = f"{seen.latency_ms.p50:.0f} | {seen.latency_ms.p95:.0f} | {seen.latency_ms.p99:.0f} | {seen.latency_ms.max:.0f}"
    return f"\n| {what} | {took_s:.0f} | {seen.count} | {seen.per_second_active:.0f} | {report.attempts - seen.count} | {times} |"


@pytest.mark.parametrize("job", REPLACED)
def test_a_new_version_takes_over_under_load_without_a_failed_order(job: str, mesh: Mesh, market: Market) -> None:
    before, places = state_of(mesh, job), mesh.parts.consul.healthy(job)
    with steady_orders(market) as orders:
        orders.wait_for_more()
        begin = time.monotonic()
        mesh.deploy(job, release=f"after-{before.version}")
        mesh.wait_well([job], DEPLOYED_WITHIN_S)
        eventually(lambda: not {*places} & {*mesh.parts.consul.healthy(job)} and not stopping(mesh, job), DEPLOYED_WITHIN_S, LOOK_EVERY_S)
        took_s = time.monotonic() - begin
        orders.wait_for_more()
        report = orders.end()
        print(told(f"{job} replaced", report, took_s))
        orders.verify(report)
    assert state_of(mesh, job).version == before.version + 1


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_version_is_taken_back_under_load_without_a_failed_order(name: str, mesh: Mesh, market: Market, tmp_path: Path) -> None:
    job, file = broken(name, tmp_path)
    before, places = state_of(mesh, job), mesh.parts.consul.healthy(job)
    with steady_orders(market) as orders:
        orders.wait_for_more()
        begin = time.monotonic()
        mesh.parts.scheduler.submit(file, mesh.given(job) | {"release": "broken", "healthy_deadline": "15s"})
        eventually(lambda: state_of(mesh, job).version == before.version + 2, DEPLOYED_WITHIN_S, LOOK_EVERY_S)
        mesh.wait_well([job], DEPLOYED_WITHIN_S)
        took_s = time.monotonic() - begin
        orders.wait_for_more()
        report = orders.end()
        print(told(f"{name}, taken back", report, took_s))
        orders.verify(report)
    # Those that ran before still run.
    assert {*mesh.parts.consul.healthy(job)} == {*places}


def stopping(mesh: Mesh, job: str) -> bool:
    """Whether more of it run than should."""
    return len(mesh.parts.scheduler.allocations(job)) > state_of(mesh, job).wanted
