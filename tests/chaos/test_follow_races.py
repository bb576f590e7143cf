"""Two clients of one person disagree at random while the service dies: what holds is the last acknowledged write."""

from collections.abc import Callable

from stack.api import Stack
from tests.chaos.following import Circle, following


def test_two_clients_of_one_person_end_at_the_last_acknowledged_write(
    stack: Stack, circle: Circle, rounds: Callable[[int, int], range]
) -> None:
    with following(circle, people=1, creators=1, clients=2) as crowd:
        for _ in rounds(2, 10):
            crowd.wait_for_answers()
            stack.kill("users")
        crowd.wait_for_answers()
