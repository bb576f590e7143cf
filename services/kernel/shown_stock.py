"""A drop's stock as it is shown in Redis: written by orders and its relay, read by the gateway. Never decides a sale.

stock:{<drop id>}: a hash of version and book (a Stock as JSON). soldout:{<drop id>}: version and the filter of accepted keys.
Both are written only over older versions, and a book that is written is published in the same step; one that is sold out before that, too.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from services.contracts import live
from services.contracts.orders import Stock, StockState
from services.kernel.cache import Cache
from services.kernel.key_filter import KeyFilter

# A book outlives its drop by this much, for those who look at what they just missed; none is kept longer than a week.
AFTER_END_S = 3_600.0
LONGEST_LIFE_S = 7 * 86_400.0


class ShownStock:
    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def show(self, stock: Stock) -> None:
        """Let gateways see it, and tell it to those who watch the drop live."""
        book: dict[str, str | bytes | int] = {"book": msgspec.json.encode(stock)}
        self._cache.set_if_newer("stock", _stock_key(stock.drop_id), stock.version, _life_s(stock), book, live.stock(stock.drop_id))

    def tell(self, stock: Stock) -> None:
        """Tell it to those who watch the drop live, before it is shown: they know by its version whether it is news."""
        self._cache.publish("stock", [(live.stock(stock.drop_id), msgspec.json.encode(stock))])

    def show_sold_out(self, stock: Stock, keys: KeyFilter) -> None:
        """Let gateways answer "sold out" for every key outside `keys`, while this version of the stock stands."""
        self._cache.set_if_newer("soldout", _sold_out_key(stock.drop_id), stock.version, _life_s(stock), {"keys": keys.bits})

    def look(self, drop_id: str) -> Stock | None:
        fields = self._cache.fields("stock", _stock_key(drop_id))
        return _stock(fields) if fields else None

    def look_at_many(self, drop_ids: Sequence[str]) -> dict[str, Stock]:
        """Those that are shown."""
        found = self._cache.fields_of_many("stock", [_stock_key(drop_id) for drop_id in drop_ids])
        return {drop_id: _stock(fields) for drop_id, fields in zip(drop_ids, found, strict=True) if fields}

    def sold_out_keys(self, drop_id: str, version: int) -> KeyFilter | None:
        """The filter of the version that sold out, if it is exactly that one's."""
        fields = self._cache.fields("soldout", _sold_out_key(drop_id))
        return KeyFilter(fields[b"keys"]) if fields and int(fields[b"version"]) == version else None


def _stock(fields: dict[bytes, bytes]) -> Stock:
    return as_of_now(msgspec.json.decode(fields[b"book"], type=Stock))


def as_of_now(stock: Stock) -> Stock:
    """The state moves on with time while the book stays as it is."""
    now = datetime.now(UTC)
    if now >= stock.ends_at:
        state = StockState.ENDED
    elif now < stock.starts_at:
        state = StockState.SCHEDULED
    else:
        state = StockState.LIVE if stock.available else StockState.SOLD_OUT
    return msgspec.structs.replace(stock, state=state)


def _stock_key(drop_id: str) -> str:
    return f"stock:{{{drop_id}}}"


def _sold_out_key(drop_id: str) -> str:
    return f"soldout:{{{drop_id}}}"


def _life_s(stock: Stock) -> float:
    left = (stock.ends_at - datetime.now(UTC)).total_seconds()
    return min(max(left, 0.0) + AFTER_END_S, LONGEST_LIFE_S)
