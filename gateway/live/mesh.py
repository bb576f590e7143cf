"""What the live unit asks of the mesh. It asks for itself, as a service: it has checked who somebody is, and names them (docs/adr/0016).

The clients of broker and Redis block, so they are asked from threads; their number is what bounds a crowd that comes at once.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from gateway.live.settings import LiveSettings
from gateway.live_stocks import LiveStocks
from services.contracts.notifications import BroadcastPage, LiveInterests, Notifications, Replay
from services.contracts.orders import Orders, Stock
from services.contracts.products import Drop, Products
from services.kernel import calls
from services.kernel.cache import Cache
from services.kernel.drop_cards import DropCards
from services.kernel.process import Process
from services.kernel.rpc_client import RpcClient
from services.kernel.shown_stock import ShownStock
from services.kernel.traces import Trace

T = TypeVar("T")
# Questions about people at once, and about drops and broadcasts, which never wait behind a crowd that signs in.
PEOPLE_AT_ONCE, DROPS_AT_ONCE, CHORES_AT_ONCE = 12, 4, 4
# From when a thread takes it up.
TIMEOUT_S = 5.0
REPLAYED_AT_ONCE = 100
BROADCASTS_AT_ONCE = 500


class Mesh:
    def __init__(self, process: Process, settings: LiveSettings) -> None:
        self.rpc = RpcClient(settings.broker_url.get_secret_value(), settings.unit, process.metrics)
        self._cache = Cache(settings.redis_url.get_secret_value(), process.metrics, settings.redis_deadline_s)
        process.require("broker", self.rpc.check)
        process.prefer("redis", self._cache.check)
        self._notifications: Notifications = self.rpc.service("notifications", Notifications)
        self._products: Products = self.rpc.service("products", Products)
        self._cards = DropCards(self._cache, lambda drop_ids: self._products.get_drops(drop_ids=list(drop_ids)))
        self._stocks = LiveStocks(ShownStock(self._cache), self.rpc.service("orders", Orders))
        self._people = ThreadPoolExecutor(PEOPLE_AT_ONCE, "people")
        self._drops = ThreadPoolExecutor(DROPS_AT_ONCE, "drops")
        self._chores = ThreadPoolExecutor(CHORES_AT_ONCE, "chores")

    def close(self) -> None:
        for pool in (self._people, self._drops, self._chores):
            pool.shutdown(wait=False, cancel_futures=True)
        self.rpc.stop()  # ends what the threads wait for
        self._cache.close()

    async def interests(self, user_ids: list[str]) -> list[LiveInterests]:
        return await _ask(self._people, lambda: self._notifications.get_live_interests(user_ids=user_ids))

    async def replay(self, user_id: str, after: str) -> Replay:
        return await _ask(self._people, lambda: self._notifications.replay(user_id=user_id, after=after, first=REPLAYED_AT_ONCE))

    async def broadcasts(self, after: int) -> BroadcastPage:
        return await _ask(self._chores, lambda: self._notifications.list_broadcasts(after=after, first=BROADCASTS_AT_ONCE))

    async def last_numbers(self, user_ids: list[str]) -> list[int]:
        return await _ask(self._chores, lambda: self._notifications.last_numbers(user_ids=user_ids))

    async def stocks(self, drop_ids: Sequence[str]) -> dict[str, Stock]:
        return await _ask(self._drops, lambda: self._stocks.get(drop_ids))

    async def cards(self, drop_ids: Sequence[str]) -> dict[str, Drop]:
        return await _ask(self._drops, lambda: self._cards.get(drop_ids))

    async def run(self, work: Callable[[], T]) -> T:
        """Anything else that blocks."""
        return await _ask(self._chores, work)


async def _ask(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    """Raises what `work` raises."""
    return await asyncio.get_running_loop().run_in_executor(pool, partial(_in_time, work, calls.correlation_id(), calls.current_trace()))


def _in_time(work: Callable[[], T], correlation_id: str | None, trace: Trace | None) -> T:
    with calls.under(calls.begin(TIMEOUT_S, correlation_id, trace=trace)):
        return work()
