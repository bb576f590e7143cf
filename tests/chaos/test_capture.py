"""The change-stream reader dies while people follow and unfollow: everything is told, and lists and counts are right."""

import random
from collections.abc import Callable

import pytest

from services.kernel.failpoints import KNOWN
from stack.api import Stack
from tests.chaos.disturbances import Failpoints, stop_inside_a_transaction
from tests.chaos.following import Circle, following

# A hundred kills, each with a start and a lease to wait for.
pytestmark = pytest.mark.timeout(1800)
PLACES = tuple(name for name in KNOWN if name.startswith("capture."))
# Events between two kills, at most: from amid the first batch of a new reader to seconds after it.
LIVES_FOR_EVENTS = 600


def test_a_reader_killed_at_random_moments_loses_and_makes_up_nothing(
    stack: Stack, circle: Circle, rounds: Callable[[int, int], range]
) -> None:
    luck = random.Random()
    with following(circle) as crowd:
        for _ in rounds(3, 100):
            crowd.wait_for_events(luck.randint(1, LIVES_FOR_EVENTS))
            stack.kill("users-capture")
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
