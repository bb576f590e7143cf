"""The live stocks of drops: from the cache, where orders keeps them current, and from orders itself what is not there."""

from collections.abc import Sequence

from services.contracts.orders import Orders, Stock, StockState
from services.contracts.products import Drop
from services.kernel.shown_stock import ShownStock, as_of_now


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


def untouched(card: Drop) -> Stock:
    """The stock of a drop that was announced a moment ago, which orders will hear of: nobody can have bought any of it."""
    stock = Stock(
        drop_id=card.id,
        creator_id=card.creator_id,
        name=card.name,
        starts_at=card.starts_at,
        ends_at=card.ends_at,
        total=card.stock,
        available=card.stock,
        held=0,
        sold=0,
        unit_price=card.unit_price,
        per_user_limit=card.per_user_limit,
        version=0,
        state=StockState.SCHEDULED,
    )
    return as_of_now(stock)
