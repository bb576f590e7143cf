"""See units grow before a start that many wait for, and shrink after it: python -m tests.load.bench_scaling (make bench-scaling)

On the mesh that `make nomad` has started. A creator is given so many followers, or has them already, and a drop; how many there are of each unit is
looked at from then on, with the drop's start as zero, while orders go on. Prints a row for each change, and exits with 1 where an order failed or the
counts did not come back.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from services.contracts.orders import Orders
from services.contracts.products import Drop, NewDrop, NewProduct, Products
from services.contracts.users import Role, Users
from services.contracts.values import Money
from services.kernel.metrics import Metrics
from services.kernel.rpc_client import RpcClient
from stack.instance import CLONE
from stack.nomad.mesh import Mesh
from stack.nomad.scaling import SCALED
from stack.nomad.settings import KV
from stack.units import UNITS
from tests.conftest import eventually, opening, signing_up
from tests.meshes import Trickle, operations_of, people_of

JOBS = tuple(name for name, scaling in SCALED.items() if scaling.crowd)
LEAST = {unit.name: unit.processes for unit in UNITS if unit.name in JOBS}
LOOK_EVERY_S = 2.0
# The clock tells every five seconds, Prometheus looks every fifteen, the autoscaler as well; and a process starts.
LEAD_S = 30.0
BACK_WITHIN_S = 400.0
LOADED_WITHIN_S = 900.0
DEPLOYED_WITHIN_S = 120.0


@dataclass(frozen=True)
class Look:
    """wanted: as Nomad has been told. ready: as Consul knows. at_s: since the drop's start, negative before."""

    at_s: float
    wanted: Mapping[str, int]
    ready: Mapping[str, int]

    def __str__(self) -> str:
        return f"{self.at_s:+5.0f} s   " + "".join(f"{self.wanted[job]:>7} ({self.ready[job]} ready)" for job in JOBS)

    def is_as(self, other: "Look") -> bool:
        return self.wanted == other.wanted and self.ready == other.ready


def glance(mesh: Mesh, starts_at: datetime) -> Look:
    wanted = {job: mesh.parts.scheduler.count(job) for job in JOBS}
    ready = {job: len(mesh.parts.consul.healthy(job)) for job in JOBS}
    return Look((datetime.now(UTC) - starts_at).total_seconds(), wanted, ready)


@dataclass
class Course:
    """What was seen, the same only once, and told as it is seen."""

    mesh: Mesh
    starts_at: datetime
    looks: list[Look] = field(default_factory=list)

    def look(self) -> Look:
        """Now, kept and told where it is something new."""
        now = glance(self.mesh, self.starts_at)
        if not self.looks or not now.is_as(self.looks[-1]):
            self.looks.append(now)
            print(now, flush=True)
        return now

    def watch(self, until: Callable[[Look], bool], timeout_s: float) -> Look:
        """Look again and again. Fails past the deadline."""
        deadline = time.monotonic() + timeout_s
        while not until(now := self.look()):
            assert time.monotonic() < deadline, f"after {timeout_s:.0f} s: {now}"
            time.sleep(LOOK_EVERY_S)
        return now

    def at_start(self) -> Look:
        """The last that was seen before it."""
        return [look for look in self.looks if look.at_s <= 0][-1]


@contextmanager
def expecting(mesh: Mesh, before_s: float, after_s: float) -> Iterator[None]:
    """For the block, a crowd is expected from so long before a start to so long after it, as an operator says so."""
    settings = {"crowd_before_s": before_s, "crowd_after_s": after_s}
    for name, value in settings.items():
        mesh.parts.consul.set(f"{KV}/products-clock/{name}", f"{value:g}")
    try:
        yield
    finally:
        for name in settings:
            mesh.parts.consul.unset(f"{KV}/products-clock/{name}")


def celebrity(mesh: Mesh, users: Users, followers: int) -> str:
    """A new creator whom so many follow, loaded as `livedrops load-graph` does. Their id."""
    creator = signing_up(users)()
    users.set_roles(user_id=creator.id, roles=[Role.FAN, Role.CREATOR])
    command = [sys.executable, "-m", "cli.main", "--profile", mesh.instance.profile, "load-graph", "--create-users"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"follower-{number} {creator.id}\n" for number in range(followers))
        file.flush()
        environment = os.environ | {"LIVEDROPS_STATE_DIR": str(mesh.instance.root)}
        subprocess.run([*command, file.name], cwd=CLONE, env=environment, check=True, timeout=LOADED_WITHIN_S)
    eventually(lambda: users.get_profiles(user_ids=[creator.id])[0].follower_count == followers, LOADED_WITHIN_S)
    return creator.id


def set_crowds(mesh: Mesh, crowds: Mapping[str, int], **variables: str) -> None:
    """One process for so many who are expected, as an operator may say."""
    for job, people in crowds.items():
        mesh.deploy(job, crowd=str(people), **variables)
    mesh.wait_well(crowds, DEPLOYED_WITHIN_S)


def announce(products: Products, creator_id: str, starts_at: datetime) -> Drop:
    product = products.create_product(
        product_id=str(uuid.uuid4()), creator_id=creator_id, product=NewProduct("A shirt", Money(4900, "EUR"))
    )
    window = NewDrop(starts_at, starts_at + timedelta(hours=1), 1_000)
    return products.schedule_drop(drop_id=str(uuid.uuid4()), product_id=product.id, drop=window)


def course_of_a_start(mesh: Mesh, client: RpcClient, creator_id: str, before_s: float) -> Course:
    """From a little before the crowd is expected until all is as it was. Fails where an order fails, or it does not come back."""
    drop = opening(client.service("orders", Orders))(1_000_000)
    eventually(lambda: _is_at_rest(glance(mesh, datetime.now(UTC))), BACK_WITHIN_S, every_s=LOOK_EVERY_S)
    course = Course(mesh, starts_at := datetime.now(UTC) + timedelta(seconds=before_s + LEAD_S))
    print(f"\n  start   {''.join(f'{job:>15}' for job in JOBS)}")
    course.look()
    announce(client.service("products", Products), creator_id, starts_at)
    with Trickle(people_of(mesh), drop) as trickle:
        course.watch(lambda now: now.at_s > 0, before_s + LEAD_S + 10)
        course.watch(_is_at_rest, BACK_WITHIN_S)
    assert {*trickle.answers} == {"ok"}, trickle.answers
    print(f"orders meanwhile: {trickle.answers.total()}, all of them confirmed")
    return course


def _is_at_rest(look: Look) -> bool:
    return look.wanted == look.ready == LEAST


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--followers", type=int, default=450_000)
    parser.add_argument("--before-s", type=float, default=90, help="crowd_before_s of products-clock meanwhile; 300 in earnest")
    parser.add_argument("--after-s", type=float, default=60, help="crowd_after_s; 600 in earnest")
    parser.add_argument("--creator", help="somebody who has followers, instead of somebody new")
    parser.add_argument(
        "--crowd", type=int, help="of so many followers one gateway, one of live and a quarter of an orders unit; 100,000 in earnest"
    )
    asked = parser.parse_args(arguments)
    mesh = Mesh.of_clone()
    if not mesh.is_running():
        sys.exit("LiveDrops does not run on Nomad here: make nomad")
    with operations_of(mesh, Metrics()) as client:
        creator_id = asked.creator or celebrity(mesh, client.service("users", Users), asked.followers)
        if asked.crowd:
            set_crowds(mesh, {job: asked.crowd * (4 if job == "orders" else 1) for job in JOBS})
        with expecting(mesh, asked.before_s, asked.after_s):
            course_of_a_start(mesh, client, creator_id, asked.before_s)


if __name__ == "__main__":
    main(sys.argv[1:])
