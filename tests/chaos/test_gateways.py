"""Gateways die while people buy and repeat: one, whose neighbour goes on alone, and all of them."""

from collections.abc import Callable

import pytest

from stack.api import Stack
from tests.chaos.sale import Market, selling


@pytest.mark.parametrize("name", ["gateway-1", "gateway"])
def test_killed_gateways_lose_and_double_nothing(name: str, stack: Stack, market: Market, rounds: Callable[[int, int], range]) -> None:
    with selling(market) as sale:
        sale.wait_for_orders()
        for _ in rounds(1, 10):
            stack.wait_ready(name)  # its neighbour sells on, so that orders alone don't tell that it is back
            stack.kill(name)
            sale.wait_for_orders(300)


def test_gateways_killed_as_the_last_units_go_oversell_nothing(stack: Stack, market: Market) -> None:
    with selling(market, total=600) as sale:
        sale.wait_for_orders()
        stack.kill("gateway")
        sale.wait_until_sold_out()
        stack.kill("gateway-1")
        sale.wait_for_answers()
