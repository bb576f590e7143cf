"""A mesh on Nomad for tests of its own, who speaks to it, and the processes that it runs. Without Elasticsearch, beside whatever else runs here."""

import os
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from gateway.tokens import Tokens
from services.contracts.orders import Stock
from services.contracts.users import Role, User
from services.kernel.metrics import Metrics
from services.kernel.rpc_client import RpcClient
from stack import processes
from stack.errors import SetupError
from stack.install_nomad import provide_nomad
from stack.instance import Instance
from stack.monitors import PROMETHEUS
from stack.nomad.mesh import Mesh
from stack.nomad.scheduler import JobState
from stack.progress import silent
from tests.conftest import Person

# A sale may take longer than a token of fifteen minutes lives.
TOKEN_LIFE_S = 7200
# Between two orders of a trickle.
PAUSE_S = 0.05


@contextmanager
def running_mesh(folder: Path, settings: Mapping[str, str] | None = None, watched: bool = False) -> Iterator[Mesh]:
    """One for the block. settings: of Consul's KV, "gateway/person_points_per_s". watched: by Prometheus, and so it grows by itself.

    Skips the test where there can be no Nomad, but never in CI.
    """
    try:
        provide_nomad(silent)
    except SetupError as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no Nomad here: {reason}")
        pytest.skip(f"no Nomad here: {reason}")
    here = Mesh(Instance("nomad", folder), with_elasticsearch=False, settings=settings, with_monitoring=watched)
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


def measured(mesh: Mesh, query: str) -> list[dict[str, str]]:
    """The labels of what Prometheus finds."""
    address = f"http://127.0.0.1:{mesh.parts.wiring.ports[PROMETHEUS]}/api/v1/query"
    return [one["metric"] for one in requests.get(address, {"query": query}, timeout=10).json()["data"]["result"]]


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
