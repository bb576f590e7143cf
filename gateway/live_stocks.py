"""The live stocks of drops: from the cache, where orders keeps them current, and from orders itself what is not there."""

from collections.abc import Sequence

from services.contracts.orders import Orders, Stock
from services.kernel.shown_stock import ShownStock


class LiveStocks:
    def __init__(self, shown: ShownStock, orders: Orders) -> None:
        self._shown = shown
        self._orders = orders

    def get(self, drop_ids: Sequence[str]) -> dict[str, Stock]:
        """Those that there are, with one RPC at the most. drop_ids: as many as one RPC takes."""
        known = self._shown.look_at_many(drop_ids)
        missing = [drop_id for drop_id in drop_ids if drop_id not in known]
        if missing:
            known |= {stock.drop_id: stock for stock in self._orders.get_stocks(drop_ids=missing)}
        return known
