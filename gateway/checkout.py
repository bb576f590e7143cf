"""The way of an order through the gateway: sold out at once, admission, and one message for all who wait for the same drop."""

import threading
from collections.abc import Sequence

from gateway.settings import GatewaySettings
from gateway.sightings import Sightings
from gateway.sold_out import SoldOutDrops
from services.contracts.errors import Busy, LiveDropsError, SoldOut
from services.contracts.orders import MAX_BATCH, Orders, Placement, PlaceOrder
from services.kernel import calls
from services.kernel.batching import Batcher

# An order that has not been decided by then is told so; its key finds the outcome.
ORDER_TIMEOUT_S = 4.0
# Two batches of a drop on their way keep orders busy while an answer travels; more would only make them smaller.
FLIGHTS = 1
SOLD_OUT = Placement(error=SoldOut.code, message=SoldOut.sentence)


class Checkout:
    def __init__(self, orders: Orders, sold_out: SoldOutDrops, sightings: Sightings, settings: GatewaySettings) -> None:
        self._orders = orders
        self._sold_out = sold_out
        self._sightings = sightings
        self._places = threading.Semaphore(settings.orders_in_flight)
        self._lanes: Batcher[str, PlaceOrder, Placement] = Batcher(
            self._send, largest=MAX_BATCH, flights=FLIGHTS, capacity=settings.orders_in_flight_per_drop
        )

    def place(self, request: PlaceOrder) -> Placement:
        """Raises Busy at once where too many are inside already, DeadlineExceeded, Unavailable."""
        try:
            placement = self._place(request)
        except LiveDropsError as error:
            self._sightings.refused(request.drop_id, error.code)
            raise
        if placement.error:
            self._sightings.refused(request.drop_id, placement.error)
        else:
            self._sightings.bought()
        return placement

    def _place(self, request: PlaceOrder) -> Placement:
        if self._sold_out.refuses(request.drop_id, request.user_id, request.key):
            return SOLD_OUT
        if not self._places.acquire(blocking=False):
            raise Busy(retry_after_s=1)
        try:
            placement = self._lanes.submit(request.drop_id, request, ORDER_TIMEOUT_S)
        finally:
            self._places.release()
        if placement.error == SoldOut.code:
            self._sold_out.learn(request.drop_id)
        return placement

    def _send(self, _drop_id: str, requests: Sequence[PlaceOrder]) -> list[Placement]:
        # The batch is the gateway's own call: each person in it was checked when their request came in.
        with calls.under(calls.begin(ORDER_TIMEOUT_S, calls.correlation_id())):
            return self._orders.place_many(requests=list(requests))
