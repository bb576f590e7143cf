"""What watches, and what grows by it, on Nomad, from a crowd that is expected to its end. Only with --long: the mesh is one of its own."""

import itertools
from collections.abc import Iterator

import pytest

from services.contracts.users import Users
from services.kernel.metrics import Metrics
from services.kernel.rpc_client import RpcClient
from stack.nomad.mesh import Mesh
from tests.load.bench_scaling import DEPLOYED_WITHIN_S, JOBS, celebrity, course_of_a_start, expecting, set_crowds
from tests.meshes import operations_of, running_mesh

FOLLOWERS = 40
# So few are a crowd here: 40 make four gateways, four of live, two of orders.
CROWDS = {"gateway": 10, "live": 10, "orders": 20}
QUICKLY = {"calm": "30s", "cooldown": "10s"}
BEFORE_S, AFTER_S = 75.0, 30.0
SETTINGS = {f"gateway/address_points_{what}": "100000" for what in ("per_s", "burst")}


@pytest.fixture(scope="module")
def mesh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    if not request.config.getoption("--long"):
        pytest.skip("a mesh of its own takes minutes: --long")
    with running_mesh(tmp_path_factory.mktemp("nomad"), SETTINGS, watched=True) as here:
        yield here


@pytest.fixture(autouse=True)
def _whole_again(mesh: Mesh) -> Iterator[None]:
    """Of the mesh, where the other chaos tests have the stack."""
    yield
    mesh.wait_well([state.name for state in mesh.states()], DEPLOYED_WITHIN_S)


@pytest.fixture(scope="module")
def client(mesh: Mesh, metrics: Metrics) -> Iterator[RpcClient]:
    with operations_of(mesh, metrics) as here:
        yield here


@pytest.mark.timeout(600)
def test_units_grow_before_a_start_and_shrink_after_it_without_a_failed_order(mesh: Mesh, client: RpcClient) -> None:
    set_crowds(mesh, CROWDS, **QUICKLY)
    creator_id = celebrity(mesh, client.service("users", Users), FOLLOWERS)

    with expecting(mesh, BEFORE_S, AFTER_S):
        course = course_of_a_start(mesh, client, creator_id, BEFORE_S)

    assert course.at_start().ready == {job: FOLLOWERS // CROWDS[job] for job in JOBS}
    # Up once, down once.
    for job in JOBS:
        counts = [look.wanted[job] for look in course.looks]
        assert sum(one != other for one, other in itertools.pairwise(counts)) == 2
