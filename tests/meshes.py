"""A mesh on Nomad for tests of its own, who speaks to it, and the processes that it runs. Without Elasticsearch, beside whatever else runs here."""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.tokens import Tokens
from services.contracts.users import Role, User
from services.kernel.metrics import Metrics
from services.kernel.rpc_client import RpcClient
from stack import processes
from stack.errors import SetupError
from stack.install_nomad import provide_nomad
from stack.instance import Instance
from stack.nomad.mesh import Mesh
from stack.nomad.scheduler import JobState
from stack.progress import silent
from tests.conftest import Person

# A sale may take longer than a token of fifteen minutes lives.
TOKEN_LIFE_S = 7200


@contextmanager
def running_mesh(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Mesh]:
    """One for the block. settings: of Consul's KV, "gateway/person_points_per_s". Skips the test where there can be no Nomad, but never in CI."""
    try:
        provide_nomad(silent)
    except SetupError as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no Nomad here: {reason}")
        pytest.skip(f"no Nomad here: {reason}")
    here = Mesh(Instance("nomad", folder), with_elasticsearch=False, settings=settings)
    try:
        here.up()
        yield here
    finally:
        here.down()
        here.instance.forget()


@contextmanager
def operations_of(mesh: Mesh, metrics: Metrics) -> Iterator[RpcClient]:
    """The RPC client of its operators."""
    client = RpcClient(environment_of(mesh)["LIVEDROPS_BROKER_URL"], "tests", metrics)
    client.start()
    assert client.wait_open(10)
    yield client
    client.stop()


def environment_of(mesh: Mesh) -> dict[str, str]:
    """The addresses that operators are given: all."""
    return mesh.parts.wiring.environment("operations")


def people_of(mesh: Mesh) -> Callable[..., Person]:
    """Makes somebody new, signed in; not known to the users service, which orders never asks."""
    tokens = Tokens(mesh.parts.wiring.credentials.jwt_key, "livedrops", TOKEN_LIFE_S)

    def make(user_id: str | None = None) -> Person:
        user = User(user_id or str(uuid.uuid4()), "Somebody", "somebody@example.org", [Role.FAN], datetime.now(UTC))
        return Person(mesh.address(), tokens, user)

    return make


def state_of(mesh: Mesh, job: str) -> JobState:
    state = mesh.parts.scheduler.state(job)
    assert state
    return state


def processes_of(mesh: Mesh, job: str) -> dict[str, list[int]]:
    """What does the job's work, by allocation; not what Nomad runs to look after it, and not what a task runs beside it."""
    return {row["ID"]: _of_task(row["ID"], job) for row in mesh.parts.scheduler.allocations(job)}


def _of_task(allocation: str, task: str) -> list[int]:
    of_task = {*processes.of_instance(f"NOMAD_TASK_NAME={task}", ())}
    return [pid for pid in processes.of_instance(f"NOMAD_ALLOC_ID={allocation}", ()) if pid in of_task and processes.is_alive(pid)]
