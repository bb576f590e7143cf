"""A service's clock is an hour off, while people buy and repeat. A sale goes by the database's clock alone."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stack.api import Stack
from tests.chaos.disturbances import false_clock, running_with
from tests.chaos.sale import Market, Sale, selling

OFFSETS = ("+1h", "-1h")
HOUR_S = 3600.0
NEAR_S = 600.0


@pytest.mark.parametrize("offset", OFFSETS)
def test_orders_whose_clock_is_wrong_sells_as_always(offset: str, stack: Stack, market: Market) -> None:
    units = ("orders", "orders-relay", "orders-views", "orders-reconciler")
    with selling(market) as sale:
        sale.wait_for_orders()
        with running_with(stack, dict.fromkeys(units, false_clock(offset))):
            before = {order["id"] for order in _orders(sale)}
            sale.wait_for_orders()
            fresh = [order for order in _orders(sale) if order["id"] not in before]
        sale.wait_for_orders()
    # An order's id begins with the time of the process that made it: it was wrong, and the order's own time was not.
    assert HOUR_S - NEAR_S < abs(_made_at(fresh[-1]["id"]) - time.time()) < HOUR_S + NEAR_S
    assert abs(datetime.fromisoformat(fresh[-1]["placedAt"]) - datetime.now(UTC)) < timedelta(seconds=NEAR_S)


@pytest.mark.parametrize("offset", OFFSETS)
def test_a_gateway_whose_clock_is_wrong_sells_as_always(offset: str, stack: Stack, patient_market: Market) -> None:
    with selling(patient_market) as sale:
        sale.wait_for_orders()
        with running_with(stack, {"gateway": false_clock(offset)}):
            sale.wait_for_orders()
        sale.wait_for_orders()


def _orders(sale: Sale) -> list[dict[str, Any]]:
    return [outcome.order for outcome in sale.accepted() if outcome.order]


def _made_at(order_id: str) -> float:
    """Unix seconds: the first 48 bits of a UUID of version 7 are milliseconds."""
    return int(order_id[:12], 16) / 1000
