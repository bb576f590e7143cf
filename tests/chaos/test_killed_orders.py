"""Orders, its relay and its read model die at each step of an order, while people buy and repeat."""

from collections.abc import Callable

import pytest

from services.kernel.failpoints import KNOWN
from tests.chaos.disturbances import Failpoints
from tests.chaos.sale import Market, selling

# Where an order comes by on its way; the places of other contexts have modules of their own.
PLACES = tuple(name for name in KNOWN if name.startswith(("orders.", "rpc.", "relay.", "events.")))


@pytest.mark.parametrize("place", PLACES)
def test_dying_at_this_place_loses_and_doubles_nothing(
    place: str, market: Market, failpoints: Failpoints, rounds: Callable[[int, int], range]
) -> None:
    with selling(market) as sale:
        sale.wait_for_orders()
        for _ in rounds(2, 10):
            failpoints.kill_at(place)
            sale.wait_for_orders()


@pytest.mark.parametrize("place", ["orders.after_commit", "rpc.before_reply"])
def test_dying_while_the_last_units_are_sold_oversells_nothing(place: str, market: Market, failpoints: Failpoints) -> None:
    with selling(market, total=600) as sale:
        sale.wait_for_orders()
        failpoints.kill_at(place)
        sale.wait_until_sold_out()
        assert sale.accepted()
