"""LiveDrops on Nomad and Consul, for real: all units, without Elasticsearch, beside whatever else this machine runs.

The tests of this file go through one life of one mesh, in order: starting it for each would take a minute each.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from services.contracts.errors import Unavailable
from services.contracts.orders import Orders, Stock
from services.kernel.metrics import Metrics
from stack import processes
from stack.errors import StackError
from stack.nomad import mounts
from stack.nomad.access import CONSUL
from stack.nomad.agents import CONSUL_CONFIG, MANAGEMENT, NOMAD_CONFIG
from stack.nomad.jobs import AUTOSCALER, JOBS
from stack.nomad.mesh import Mesh, job_file
from stack.nomad.scheduler import LOOK_EVERY_S, variable_flags
from stack.waiting import wait_until
from tests.conftest import Person, opening
from tests.meshes import Trickle, measured, operations_of, people_of, processes_of, running_mesh, state_of

DEPLOYED_WITHIN_S = 240
# Not all units at one moment: each waits for up to 15 s.
TAKEN_UP_WITHIN_S = 90


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with running_mesh(tmp_path_factory.mktemp("nomad"), watched=True) as here:
        yield here


@pytest.fixture(scope="module")
def orders(mesh: Mesh, metrics: Metrics) -> Iterator[Orders]:
    with operations_of(mesh, metrics) as client:
        yield client.service("orders", Orders)


@pytest.fixture(scope="module")
def drop(orders: Orders) -> Stock:
    return opening(orders)(1_000_000)


@pytest.fixture(scope="module")
def buyer(mesh: Mesh) -> Callable[[], Person]:
    return people_of(mesh)


@pytest.mark.parametrize("job", sorted(file.name.removesuffix(".nomad.hcl") for file in JOBS.glob("*")))
def test_a_job_file_is_valid_for_this_nomad(mesh: Mesh, job: str) -> None:
    assert "successful" in mesh.parts.scheduler.run("job", "validate", str(job_file(job)))


def test_the_agents_files_are_valid(mesh: Mesh, tmp_path: Path) -> None:
    state = mesh.instance.state

    mesh.parts.consul.run("validate", str(CONSUL_CONFIG), str(state / "consul.json"))
    mesh.parts.scheduler.run("config", "validate", str(NOMAD_CONFIG), str(state / "nomad.json"))


@pytest.mark.timeout(120)
def test_what_runs_is_what_the_files_say(mesh: Mesh) -> None:
    changed = [state.name for state in mesh.states() if not is_as_planned(mesh, state.name)]

    assert changed == []


def is_as_planned(mesh: Mesh, job: str) -> bool:
    # Planning ends with 0 where submitting would change nothing.
    try:
        mesh.parts.scheduler.run("job", "plan", *variable_flags(job_file(job), mesh.given(job)), str(job_file(job)))
    except StackError:
        return False
    return True


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
    assert measured(mesh, "up == 0") == []
    assert mesh.parts.consul.healthy(AUTOSCALER)
    # Of the tests that follow, none is about growing, and a busy machine is a reason to.
    mesh.parts.scheduler.stop(AUTOSCALER)


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
def test_a_setting_that_makes_no_sense_changes_nothing_and_one_that_does_is_taken_up(
    mesh: Mesh, buyer: Callable[[], Person], drop: Stock
) -> None:
    """Of a unit on nameko: the gateways have their own way."""
    before, key = processes_of(mesh, "orders"), "livedrops/settings/orders/stop_timeout_s"
    (allocation,) = before

    with Trickle(buyer, drop) as trickle:
        mesh.parts.consul.set(key, "-1")
        wrong = "settings stay as they are: LIVEDROPS_STOP_TIMEOUT_S='-1'"
        assert wait_until(lambda: wrong in log_of(mesh, allocation), TAKEN_UP_WITHIN_S, LOOK_EVERY_S)
        mesh.parts.consul.set(key, "9")
        assert wait_until(lambda: log_of(mesh, allocation).count("started services.orders") == 2, TAKEN_UP_WITHIN_S, LOOK_EVERY_S)

    assert {*trickle.answers} == {"ok"}
    # To Nomad, the same process all the while.
    assert processes_of(mesh, "orders") == before


def log_of(mesh: Mesh, allocation: str) -> str:
    return mesh.parts.scheduler.run("alloc", "logs", "-stderr", allocation)


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
    killed = running(mesh, "orders")

    for pid in killed:
        os.kill(pid, 9)

    assert killed
    assert wait_until(lambda: answers(orders, drop), 60)
    assert not {*running(mesh, "orders")} & {*killed}


def running(mesh: Mesh, job: str) -> list[int]:
    return [pid for pids in processes_of(mesh, job).values() for pid in pids]


def answers(orders: Orders, drop: Stock) -> bool:
    try:
        return orders.get_stock(drop_id=drop.drop_id).total == drop.total
    except Unavailable:
        return False


@pytest.mark.timeout(240)
def test_down_leaves_no_process_and_no_mount(mesh: Mesh) -> None:
    mesh.down()

    assert processes.of_instance(mesh.instance.marker, ()) == []
    assert not mesh.is_running()
    assert mounts.below(mesh.instance.state) == []
