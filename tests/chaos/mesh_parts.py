"""The parts of a mesh that may be killed: which processes they are, when they are back, and what proves that they do their work."""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import requests

from stack import processes
from stack.nomad.mesh import Mesh
from stack.plan import SERVERS
from tests.chaos.buyers import Buyer, Wish
from tests.chaos.mesh_life import Life
from tests.conftest import eventually
from tests.integration.streams import Stream
from tests.meshes import processes_of

WORKS_WITHIN_S = 120.0

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
        eventually(lambda: life.scene.notifications.last_numbers(user_ids=[buyer.person.id]) == [1], WORKS_WITHIN_S)

    return noted


def a_push(life: Life) -> Callable[[], object]:
    """Of an order, at a webhook."""
    buyer = somebody(life)
    life.scene.add_hook(buyer.person.id)

    def pushed() -> None:
        buyer.insist(wish())
        eventually(lambda: life.scene.hooks.at(f"/{buyer.person.id}"), WORKS_WITHIN_S)

    return pushed


def a_listed_follow(life: Life) -> Callable[[], object]:
    """In the list that is derived from it."""
    users = life.scene.circle.users
    fan, creator = life.scene.circle.sign_up().id, life.scene.circle.sign_up().id

    def listed() -> None:
        users.follow(user_id=fan, creator_id=creator)
        eventually(lambda: users.list_followers(creator_id=creator, first=1).people, WORKS_WITHIN_S)

    return listed


def a_shown_stock(life: Life) -> Callable[[], object]:
    """In Redis, as the books have it after an order. Of an order while it was away nothing is shown before the next: who looks asks orders."""
    buyer, orders, spare = somebody(life), life.scene.market.orders, life.spare.drop_id

    def is_shown() -> bool:
        buyer.insist(wish())
        shown = life.scene.shown.look(spare)
        return shown is not None and shown.version == orders.get_stock(drop_id=spare).version

    return lambda: eventually(is_shown, WORKS_WITHIN_S)


def a_stream(life: Life) -> Callable[[], object]:
    """That tells the stock."""

    def opened() -> Stream | None:
        stream = Stream(life.scene.market.address, f"/live?drop={life.drop.drop_id}")
        return stream if stream.status == 200 else None

    def told() -> None:
        stream = eventually(opened, WORKS_WITHIN_S)
        stream.wait_for("stock", timeout_s=WORKS_WITHIN_S)
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
