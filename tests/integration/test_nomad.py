"""LiveDrops on Nomad and Consul, for real: all units, without Elasticsearch, beside whatever else this machine runs.

The tests of this file go through one life of one mesh, in order: starting it for each would take a minute each.
"""

import json
import os
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from gateway.tokens import Tokens
from services.contracts.errors import Unavailable
from services.contracts.orders import OpenStock, Orders, Stock
from services.contracts.users import Role, User
from services.contracts.values import Money
from services.kernel.metrics import Metrics
from services.kernel.rpc_client import RpcClient
from stack import processes
from stack.errors import SetupError
from stack.install_nomad import provide_nomad
from stack.instance import Instance
from stack.monitors import PROMETHEUS
from stack.nomad import mounts
from stack.nomad.access import CONSUL
from stack.nomad.agents import CONSUL_CONFIG, MANAGEMENT, NOMAD_CONFIG
from stack.nomad.jobs import JOBS
from stack.nomad.mesh import Mesh, job_file
from stack.nomad.scheduler import LOOK_EVERY_S, JobState
from stack.progress import silent
from stack.waiting import wait_until
from tests.conftest import Person

DEPLOYED_WITHIN_S = 240
# Of the trickle: between two orders.
PAUSE_S = 0.05


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    try:
        provide_nomad(silent)
    except SetupError as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no Nomad here: {reason}")
        pytest.skip(f"no Nomad here: {reason}")
    here = Mesh(Instance("nomad", tmp_path_factory.mktemp("nomad")), with_elasticsearch=False)
    try:
        here.up()
        yield here
    finally:
        here.down()
        here.instance.forget()


@pytest.fixture(scope="module")
def orders(mesh: Mesh, metrics: Metrics) -> Iterator[Orders]:
    client = RpcClient(mesh.parts.wiring.environment("operations")["LIVEDROPS_BROKER_URL"], "tests", metrics)
    client.start()
    assert client.wait_open(10)
    yield client.service("orders", Orders)
    client.stop()


@pytest.fixture(scope="module")
def drop(orders: Orders) -> Stock:
    now = datetime.now(UTC)
    values = {
        "name": "A shirt",
        "starts_at": now - timedelta(hours=1),
        "ends_at": now + timedelta(hours=6),
        "unit_price": Money(4900, "EUR"),
    }
    return orders.open_stock(stock=OpenStock(drop_id=str(uuid.uuid4()), creator_id=str(uuid.uuid4()), total=1_000_000, **values))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def buyer(mesh: Mesh) -> Callable[[], Person]:
    """Somebody new, signed in."""
    tokens = Tokens(mesh.parts.wiring.credentials.jwt_key, "livedrops", 900)

    def make() -> Person:
        user = User(str(uuid.uuid4()), "Somebody", "somebody@example.org", [Role.FAN], datetime.now(UTC))
        return Person(mesh.address(), tokens, user)

    return make


class Trickle:
    """Orders, one after the other, until it is left; each of somebody new, on the connection of the one before."""

    def __init__(self, buyer: Callable[[], Person], drop: Stock) -> None:
        self._buyer, self._drop = buyer, drop
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._line = requests.Session()
        self.answers: Counter[str] = Counter()

    def __enter__(self) -> "Trickle":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()
        self._line.close()

    def _run(self) -> None:
        while not self._over.wait(PAUSE_S):
            self.answers[self._order()] += 1

    def _order(self) -> str:
        person = self._buyer()
        self._line.headers.update(person.http.headers)
        person.http = self._line
        try:
            response = person.post_order(self._drop.drop_id)
        except requests.RequestException as error:
            return type(error).__name__
        return "ok" if response.ok else f"{response.status_code} {response.text[:100]}"


def state_of(mesh: Mesh, job: str) -> JobState:
    state = mesh.parts.scheduler.state(job)
    assert state
    return state


@pytest.mark.parametrize("job", sorted(file.name.removesuffix(".nomad.hcl") for file in JOBS.glob("*")))
def test_a_job_file_is_valid_for_this_nomad(mesh: Mesh, job: str) -> None:
    assert "successful" in mesh.parts.scheduler.run("job", "validate", str(job_file(job)))


def test_the_agents_files_are_valid(mesh: Mesh, tmp_path: Path) -> None:
    state = mesh.instance.state

    mesh.parts.consul.run("validate", str(CONSUL_CONFIG), str(state / "consul.json"))
    mesh.parts.scheduler.run("config", "validate", str(NOMAD_CONFIG), str(state / "nomad.json"))


def test_what_runs_is_what_the_file_says(mesh: Mesh) -> None:
    # Planning ends with 0 where submitting would change nothing.
    flags = [flag for name, value in mesh.given("orders").items() for flag in ("-var", f"{name}={value}")]

    mesh.parts.scheduler.run("job", "plan", *flags, str(job_file("orders")))


def test_only_the_ingress_may_talk_to_the_gateways(mesh: Mesh) -> None:
    assert may_talk(mesh, "ingress", "gateway")
    assert may_talk(mesh, "orders", "postgres")
    assert not may_talk(mesh, "orders", "gateway")
    assert not may_talk(mesh, "gateway", "postgres")


def may_talk(mesh: Mesh, source: str, destination: str) -> bool:
    agents = mesh.parts.agents
    where = f"{agents.consul_address}/v1/connect/intentions/check?source={source}&destination={destination}"
    answer = requests.get(where, headers={"X-Consul-Token": agents.credentials.tokens[MANAGEMENT]}, timeout=10)
    return bool(answer.json()["Allowed"])


def test_without_a_token_nothing_is_told(mesh: Mesh) -> None:
    address = mesh.parts.agents.consul_address

    assert requests.get(f"{address}/v1/kv/livedrops/settings?recurse", timeout=10).status_code == 404
    assert requests.put(f"{address}/v1/kv/livedrops/settings/all/log_level", b"DEBUG", timeout=10).status_code == 403
    assert requests.get(f"{address}/v1/catalog/services", timeout=10).json() == {}


def test_the_files_of_intentions_say_what_consul_was_told(mesh: Mesh) -> None:
    for file in (CONSUL / "intentions").glob("*.hcl"):
        before = mesh.parts.consul.run("config", "read", "-kind", "service-intentions", "-name", file.stem)
        mesh.parts.consul.run("config", "write", str(file))
        after = mesh.parts.consul.run("config", "read", "-kind", "service-intentions", "-name", file.stem)
        assert sources(after) == sources(before)


def sources(text: str) -> list[str]:
    return [f"{source['Name']} {source['Action']}" for source in json.loads(text)["Sources"]]


def test_an_order_goes_through_the_ingress(mesh: Mesh, orders: Orders, buyer: Callable[[], Person], drop: Stock) -> None:
    before = orders.get_stock(drop_id=drop.drop_id).sold

    answer = buyer().post_order(drop.drop_id)

    assert answer.status_code in (200, 201)
    assert orders.get_stock(drop_id=drop.drop_id).sold == before + 1


def test_what_watches_sees_every_unit_and_the_order(mesh: Mesh) -> None:
    names = {unit.name for unit in mesh.units}

    assert wait_until(lambda: {one["unit"] for one in measured(mesh, "livedrops_unit_ready == 1")} == names, 90, LOOK_EVERY_S)
    assert wait_until(lambda: bool(measured(mesh, 'livedrops_orders_total{outcome="CONFIRMED"} > 0')), 60, LOOK_EVERY_S)
    assert mesh.parts.consul.healthy("autoscaler")


def measured(mesh: Mesh, query: str) -> list[dict[str, str]]:
    """The labels of what Prometheus finds."""
    address = f"http://127.0.0.1:{mesh.parts.wiring.ports[PROMETHEUS]}/api/v1/query"
    return [one["metric"] for one in requests.get(address, {"query": query}, timeout=10).json()["data"]["result"]]


@pytest.mark.timeout(DEPLOYED_WITHIN_S + 60)
def test_a_new_version_takes_over_without_a_failed_order(mesh: Mesh, buyer: Callable[[], Person], drop: Stock) -> None:
    before, places = state_of(mesh, "gateway"), mesh.parts.consul.healthy("gateway")

    with Trickle(buyer, drop) as trickle:
        mesh.deploy("gateway", release="the-next")
        mesh.wait_well(["gateway"], DEPLOYED_WITHIN_S)

    after = state_of(mesh, "gateway")
    assert (after.version, after.deployment) == (before.version + 1, "successful")
    # Other processes, on other ports.
    assert wait_until(lambda: not {*places} & {*mesh.parts.consul.healthy("gateway")}, 30)
    assert {*trickle.answers} == {"ok"}
    print(f"orders during the canary of the gateway: {dict(trickle.answers)}")


@pytest.mark.timeout(DEPLOYED_WITHIN_S)
def test_a_changed_setting_reaches_the_gateways_without_a_failed_order(mesh: Mesh, buyer: Callable[[], Person], drop: Stock) -> None:
    places = mesh.parts.consul.healthy("gateway")
    assert all(introspects(*place) for place in places)

    with Trickle(buyer, drop) as trickle:
        mesh.parts.consul.set("livedrops/settings/gateway/introspection", "false")
        assert wait_until(lambda: not any(introspects(*place) for place in places), 60, LOOK_EVERY_S)

    assert {*trickle.answers} == {"ok"}
    # The same processes, with other workers.
    assert {*mesh.parts.consul.healthy("gateway")} == {*places}


def introspects(host: str, port: int) -> bool:
    answer = requests.post(f"http://{host}:{port}/graphql", json={"query": "{ __schema { queryType { name } } }"}, timeout=10)
    return "queryType" in answer.text and "errors" not in answer.json()


@pytest.mark.timeout(DEPLOYED_WITHIN_S)
def test_a_version_that_never_gets_ready_is_taken_back(mesh: Mesh, buyer: Callable[[], Person], drop: Stock, tmp_path: Path) -> None:
    before = state_of(mesh, "gateway")
    broken = tmp_path / "gateway.nomad.hcl"
    broken.write_text(job_file("gateway").read_text().replace('"/readyz"', '"/never"'))

    with Trickle(buyer, drop) as trickle:
        mesh.parts.scheduler.submit(broken, mesh.given("gateway") | {"release": "broken", "healthy_deadline": "15s"})
        assert wait_until(lambda: state_of(mesh, "gateway").version == before.version + 2, DEPLOYED_WITHIN_S - 30, LOOK_EVERY_S)
        mesh.wait_well(["gateway"], 60)

    assert {*trickle.answers} == {"ok"}


def test_a_killed_unit_is_back_within_seconds(mesh: Mesh, orders: Orders, drop: Stock) -> None:
    killed = [pid for pid in pids_of(mesh, "services.orders.service") if processes.is_alive(pid)]

    for pid in killed:
        os.kill(pid, 9)

    assert killed
    assert wait_until(lambda: answers(orders, drop), 60)
    assert not {*pids_of(mesh, "services.orders.service")} & {*killed}


def answers(orders: Orders, drop: Stock) -> bool:
    try:
        return orders.get_stock(drop_id=drop.drop_id).total == drop.total
    except Unavailable:
        return False


def pids_of(mesh: Mesh, words: str) -> list[int]:
    return [
        pid
        for pid in processes.of_instance(mesh.instance.marker, ())
        if words in processes.command_line(pid) and "executor" not in processes.command_line(pid)
    ]


@pytest.mark.timeout(240)
def test_down_leaves_no_process_and_no_mount(mesh: Mesh) -> None:
    mesh.down()

    assert processes.of_instance(mesh.instance.marker, ()) == []
    assert not mesh.is_running()
    assert mounts.below(mesh.instance.state) == []
