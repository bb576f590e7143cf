"""The way of an order through the gateway: sold out at once, admission, and one message for all who wait for the same drop."""

import threading
from collections.abc import Sequence

from gateway.settings import GatewaySettings
from gateway.sightings import Sightings
from gateway.sold_out import SoldOutDrops
from services.contracts.errors import Busy, LiveDropsError, SoldOut
from services.contracts.orders import MAX_BATCH, Orders, Placement, PlaceOrder
from services.kernel import calls, tracing
from services.kernel.batching import Batcher
from services.kernel.traces import Trace

# An order that has not been decided by then is told so; its key finds the outcome.
ORDER_TIMEOUT_S = 4.0
# Two batches of a drop on their way keep orders busy while an answer travels; more would only make them smaller.
FLIGHTS = 1
SOLD_OUT = Placement(error=SoldOut.code, message=SoldOut.sentence)


class _Wish:
    """An order in a batch. trace: of its own request; batch: of the batch that it travelled in, where that is recorded."""

    __slots__ = ("batch", "request", "trace")

    def __init__(self, request: PlaceOrder, trace: Trace | None) -> None:
        self.request = request
        self.trace = trace
        self.batch: Trace | None = None


class Checkout:
    def __init__(self, orders: Orders, sold_out: SoldOutDrops, sightings: Sightings, settings: GatewaySettings) -> None:
        self._orders = orders
        self._sold_out = sold_out
        self._sightings = sightings
        self._places = threading.Semaphore(settings.orders_in_flight)
        self._lanes: Batcher[str, _Wish, Placement] = Batcher(
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
            placement = self._in_batch(request)
        finally:
            self._places.release()
        if placement.error == SoldOut.code:
            self._sold_out.learn(request.drop_id)
        return placement

    def _in_batch(self, request: PlaceOrder) -> Placement:
        with tracing.part("order waits for its batch", "internal", {}) as span:
            wish = _Wish(request, calls.current_trace())
            placement = self._lanes.submit(request.drop_id, wish, ORDER_TIMEOUT_S)
            if span is not None and wish.batch is not None and wish.batch.trace_id != span.trace.trace_id:
                span.link(wish.batch)
            return placement

    def _send(self, drop_id: str, wishes: Sequence[_Wish]) -> list[Placement]:
        above, links = tracing.united([wish.trace for wish in wishes])
        attributes: tracing.Attributes = {"livedrops.drop.id": drop_id, "livedrops.batch.size": len(wishes)}
        # The batch is the gateway's own call: each person in it was checked when their request came in.
        with (
            calls.under(calls.begin(ORDER_TIMEOUT_S, calls.correlation_id(), trace=above)),
            tracing.part("batch of orders", "internal", attributes, links=links) as span,
        ):
            if span is not None:
                for wish in wishes:
                    wish.batch = span.trace
            return self._orders.place_many(requests=[wish.request for wish in wishes])
