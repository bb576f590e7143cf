"""The change-stream reader dies while people follow and unfollow: everything is told, and lists and counts are right."""

import random
from collections.abc import Callable

import pytest

from services.kernel.failpoints import KNOWN
from stack.api import Stack
from tests.chaos.disturbances import Failpoints, pid_of, stop_inside_a_transaction
from tests.chaos.following import TOLD_AGAIN_WITHIN_S, Circle, following
from tests.chaos.graph import UsersStore, reader_lease
from tests.conftest import eventually

# A hundred kills, each with a start and a lease to wait for.
pytestmark = pytest.mark.timeout(1800)
PLACES = tuple(name for name in KNOWN if name.startswith("capture."))
# Batches that a reader takes in before it is killed, at most: from none to about a second's.
LIVES_FOR_BATCHES = 20


def test_a_reader_killed_at_random_moments_loses_and_makes_up_nothing(
    stack: Stack, circle: Circle, rounds: Callable[[int, int], range]
) -> None:
    luck = random.Random()
    with following(circle) as crowd:
        for _ in rounds(3, 100):
            crowd.wait_for_answers()
            _wait_for_batches(circle.store, stack.pid("users-capture"), luck.randint(0, LIVES_FOR_BATCHES))
            stack.kill("users-capture")
            stack.wait_ready("users-capture")
        crowd.wait_for_events()


def test_a_reader_killed_inside_its_transaction_holds_up_nobody(stack: Stack, circle: Circle, rounds: Callable[[int, int], range]) -> None:
    with following(circle) as crowd:
        for _ in rounds(1, 10):
            crowd.wait_for_events()
            stop_inside_a_transaction(circle.store, stack.pid("users-capture"))
            stack.kill("users-capture")
        crowd.wait_for_events()


@pytest.mark.parametrize("place", PLACES)
def test_a_reader_that_dies_at_this_place_loses_and_makes_up_nothing(
    place: str, circle: Circle, failpoints: Failpoints, rounds: Callable[[int, int], range]
) -> None:
    with following(circle) as crowd:
        crowd.wait_for_events()
        for _ in rounds(1, 10):
            failpoints.kill_at(place)
            crowd.wait_for_events()


def _wait_for_batches(store: UsersStore, pid: int, batches: int) -> None:
    """Until this reader leads, and was seen at so many places further on."""
    places = set[str]()

    def has_come_far_enough() -> bool:
        lease = reader_lease(store)
        if pid_of(lease["holder"]) == pid:
            places.add(str(lease["place"]))
        return len(places) > batches

    eventually(has_come_far_enough, TOLD_AGAIN_WITHIN_S, every_s=0.01)
