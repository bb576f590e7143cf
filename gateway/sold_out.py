"""Sold out, answered here: while a drop's stock stands at the version that sold out, only the keys in its filter have orders.

A version seen in Redis is trusted for TRUST_S from before it was asked for. Without Redis, orders is asked.
"""

import threading
import time
from dataclasses import dataclass, field

from services.kernel.key_filter import KeyFilter
from services.kernel.shown_stock import ShownStock

# Orders sells units that come back later than this after it showed them (RESALE_DELAY there is longer).
TRUST_S = 1.0
MAX_DROPS = 10_000


@dataclass
class _SoldOut:
    version: int
    keys: KeyFilter
    checked_at: float
    checking: threading.Lock = field(default_factory=threading.Lock)


class SoldOutDrops:
    def __init__(self, shown: ShownStock) -> None:
        self._shown = shown
        self._drops: dict[str, _SoldOut] = {}
        self._learning = threading.Lock()

    def knows_any(self) -> bool:
        """Whether any drop is known to be sold out."""
        return bool(self._drops)

    def refuses(self, drop_id: str, user_id: str, key: str) -> bool:
        """Whether this wish is surely too late. False means: ask orders."""
        drop = self._drops.get(drop_id)
        if drop is None:
            return False
        if time.monotonic() - drop.checked_at > TRUST_S and not self._still_stands(drop_id, drop):
            return False
        return not drop.keys.may_hold(user_id, key)

    def learn(self, drop_id: str) -> None:
        """Orders said SOLD_OUT: take over the filter, unless another thread is just doing it."""
        if drop_id in self._drops or not self._learning.acquire(blocking=False):
            return
        try:
            begin = time.monotonic()
            stock = self._shown.look(drop_id)
            if stock is None or stock.available:
                return
            keys = self._shown.sold_out_keys(drop_id, stock.version)
            if keys is not None:
                if len(self._drops) >= MAX_DROPS:
                    self._drops.clear()
                self._drops[drop_id] = _SoldOut(stock.version, keys, begin)
        finally:
            self._learning.release()

    def _still_stands(self, drop_id: str, drop: _SoldOut) -> bool:
        """Look again, one thread at a time; the others ask orders meanwhile."""
        if not drop.checking.acquire(blocking=False):
            return False
        try:
            begin = time.monotonic()
            stock = self._shown.look(drop_id)
            if stock is None or stock.version != drop.version:
                self._drops.pop(drop_id, None)
                return False
            drop.checked_at = begin
            return True
        finally:
            drop.checking.release()
