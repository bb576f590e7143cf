"""Causes of alerts: orders, books, reads, drops, and who does the work on them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from services.contracts.orders import Stock
from services.contracts.users import Role
from tests.chaos.disturbances import running_with
from tests.chaos.scene import Scene
from tests.conftest import Person, eventually
from tests.integration.selling import LOOK, Seller
from tests.integration.streams import Stream

Cause = Callable[[Scene], AbstractContextManager[Any]]


def stopping(*names: str) -> Cause:
    return lambda scene: scene.stopped(*names)


def together(*causes: Cause) -> Cause:
    """All of them at once, for those that do not disturb each other."""

    @contextmanager
    def cause(scene: Scene) -> Iterator[None]:
        with ExitStack() as block:
            for one in causes:
                block.enter_context(one(scene))
            yield

    return cause


def buying(drop: Stock) -> Callable[[Person], Any]:
    return lambda somebody: somebody.buy(drop.drop_id)


@contextmanager
def falsified_book(scene: Scene) -> Iterator[None]:
    drop = scene.drop.drop_id
    scene.sql("update stock set version = version + 1 where drop_id = %s", drop)
    try:
        yield
    finally:
        scene.sql("update stock set version = version - 1 where drop_id = %s", drop)


@contextmanager
def sale_at_a_locked_row(scene: Scene) -> Iterator[None]:
    """It begins at once; whose orders are for another drop wait for the one connection that those for the locked one hold."""
    scene.wait_for_a_past()
    drops = [scene.drop, scene.open_drop(100_000)]
    with running_with(scene.stack, {"orders": {"LIVEDROPS_ORDERS_POSTGRES_CONNECTIONS": "1"}}), ExitStack() as block:
        block.enter_context(scene.row_locked())
        for drop in drops:
            block.enter_context(scene.crowd(buying(drop)))
        yield


@contextmanager
def sale_without_its_store(scene: Scene) -> Iterator[None]:
    scene.wait_for_a_past()
    with scene.stopped("postgres"), scene.crowd(buying(scene.drop)):
        yield


@contextmanager
def more_orders_than_are_taken_in(scene: Scene) -> Iterator[None]:
    few = {"gateway": {"LIVEDROPS_ORDERS_IN_FLIGHT": "1"}}
    with running_with(scene.stack, few), scene.row_locked(), scene.crowd(buying(scene.drop)):
        yield


@contextmanager
def readers_at_a_locked_table(scene: Scene) -> Iterator[None]:
    locked = scene.locked("products", "PRODUCTS_POSTGRES_URL", "lock table products in access exclusive mode")
    with locked, scene.crowd(lambda somebody: somebody.get("/products")):
        yield


@contextmanager
def readers_without_their_service(scene: Scene) -> Iterator[None]:
    with scene.stopped("products"), scene.crowd(lambda somebody: somebody.get("/products")):
        yield


@contextmanager
def cache_that_holds_nothing(scene: Scene) -> Iterator[None]:
    """A crowd looks at a drop, which the cache has; then Redis may use less memory than it needs for itself, and keeps no entry."""
    drop = Seller(scene.person(Role.CREATOR)).announce()["id"]
    hits = 'count_over_time((livedrops:cache_hit_ratio:10m{family="stock"} > 0.9)[1h:1s])'
    with scene.crowd(lambda somebody: somebody.graphql(LOOK, {"id": drop})):
        eventually(lambda: (scene.watched.value(hits) or 0) > 20, timeout_s=120, every_s=0.5)
        with scene.redis_with(maxmemory="1mb"):
            yield


@contextmanager
def orders_that_nobody_tells_or_takes(scene: Scene) -> Iterator[None]:
    """One that is told waits for who keeps lists of orders; the next is not even told."""
    buyer = scene.person()
    with scene.stopped("orders-views"):
        buyer.buy(scene.drop.drop_id)
        eventually(lambda: not scene.sql("select 1 from outbox limit 1"))
        with scene.stopped("orders-relay"):
            buyer.buy(scene.drop.drop_id)
            yield


@contextmanager
def clock_that_wakes_late(scene: Scene) -> Iterator[None]:
    """A drop starts while the clock is stopped."""
    with scene.stopped("products-clock"):
        starts_at = datetime.now(UTC) + timedelta(seconds=2)
        Seller(scene.person(Role.CREATOR)).announce(2)
        eventually(lambda: datetime.now(UTC) > starts_at + timedelta(seconds=3), timeout_s=20)
    yield


@contextmanager
def more_streams_than_places(scene: Scene) -> Iterator[None]:
    """One has the only place; others come again and again."""

    def come() -> Stream:
        return Stream(scene.address, f"/live?drop={scene.drop.drop_id}")

    one_place = running_with(scene.stack, {"live": {"LIVEDROPS_LIVE_CONNECTIONS": "1"}})
    with one_place, closing(come()), scene.again_and_again(lambda: come().close(), pause_s=0.5):
        yield
