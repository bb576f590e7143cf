"""The drops that somebody watches: their stock and state as they are now, told to all who watch, the latest only."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

import msgspec

from gateway.live import news
from gateway.live.chores import Chores
from gateway.live.connection import Connection
from gateway.live.listening import Listener
from gateway.live.mesh import Mesh
from gateway.live.news import News
from gateway.live_stocks import untouched
from services.contracts import live
from services.contracts.errors import NotFound, Unavailable
from services.contracts.orders import Stock
from services.contracts.products import Drop, DropState

log = logging.getLogger("livedrops.live")
# As many as an RPC takes.
LOADED_AT_ONCE = 100
LOADED_WITHIN_S = 5.0
# Telling one watcher takes about this long, a half of it here and a third from the ingress. A stock that changes faster is told as it is when their
# turn has come: a crowd that watches takes a core from the sale, and never two.
PAUSE_A_WATCHER_S = 45e-6
# A millisecond's work.
TOLD_AT_ONCE = 250
# A clock is asked again after this long: it may have been set, and a stock may have moved.
LONGEST_SLEEP_S = 60.0


class Watched:
    """One drop, and who watches it."""

    def __init__(self, drop_id: str) -> None:
        self.drop_id = drop_id
        self.watchers: set[Connection] = set()
        self.stock: Stock | None = None
        self._card: Drop | None = None
        self._stock_news: News | None = None
        self._shown: tuple[DropState, datetime, datetime] | None = None
        self._told_at = float("-inf")
        self._turn: asyncio.TimerHandle | None = None
        self._boundary: asyncio.TimerHandle | None = None
        self.known: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def learn(self, stock: Stock | None, card: Drop | None) -> None:
        """What was asked for; whatever is older than what is known changes nothing."""
        if card is not None and (self._card is None or card.version >= self._card.version):
            self._card = card
        if stock is None and self.stock is None and card is not None:
            stock = untouched(card)
        if stock is not None:
            self.take(stock)
        if not self.known.done():
            self.known.set_result(self.stock is not None)

    def take(self, stock: Stock) -> None:
        """A stock was told."""
        if self.stock is None or stock.version > self.stock.version:
            self.stock = stock
            self._stock_news = news.of_stock(stock)
            self._tell_in_turn()
        self._tell_state()

    def show(self, watcher: Connection) -> None:
        """How it is now, to one who has just come."""
        if self.stock is not None and self._stock_news is not None:
            watcher.tell_latest(self._stock_news)
            watcher.tell_latest(news.of_state(self.stock, news.state_of(self.stock, self._card)))

    def close(self) -> None:
        for timer in (self._turn, self._boundary):
            if timer:
                timer.cancel()

    def _tell_in_turn(self) -> None:
        loop = asyncio.get_running_loop()
        wait_s = self._told_at + pause_s(len(self.watchers)) - loop.time()
        if wait_s <= 0:
            self._tell_stock()
        elif self._turn is None:
            self._turn = loop.call_later(wait_s, self._tell_stock)

    def _tell_stock(self) -> None:
        self._turn = None
        self._told_at = asyncio.get_running_loop().time()
        assert self._stock_news is not None
        self._tell_all(self._stock_news)

    def _tell_state(self) -> None:
        assert self.stock is not None
        state = news.state_of(self.stock, self._card)
        now_shown = (state, self.stock.starts_at, self.stock.ends_at)
        if now_shown != self._shown:
            self._shown = now_shown
            self._tell_all(news.of_state(self.stock, state))
        self._sleep_until_it_changes(self.stock)

    def _tell_all(self, told: News) -> None:
        """All who watch, some at a time: the first are written to, and the ingress is at work, while others wait for their turn."""
        _tell_some(told, iter([*self.watchers]))

    def _sleep_until_it_changes(self, stock: Stock) -> None:
        """A start or an end needs nobody to tell it."""
        if self._boundary:
            self._boundary.cancel()
        now = datetime.now(UTC)
        ahead = [(at - now).total_seconds() for at in (stock.starts_at, stock.ends_at) if at > now]
        # A timer may be a moment early.
        self._boundary = asyncio.get_running_loop().call_later(min(ahead[0] + 0.001, LONGEST_SLEEP_S), self._tell_state) if ahead else None


def _tell_some(told: News, watchers: Iterator[Connection]) -> None:
    """Two calls one after the other keep their order for each watcher. Who leaves meanwhile is told in vain; who comes is shown all by itself."""
    some = [*islice(watchers, TOLD_AT_ONCE)]
    for watcher in some:
        watcher.tell_latest(told)
    if len(some) == TOLD_AT_ONCE:
        asyncio.get_running_loop().call_soon(_tell_some, told, watchers)


def pause_s(watchers: int) -> float:
    """How long after the last time a stock may be told again."""
    return watchers * PAUSE_A_WATCHER_S


class Drops:
    def __init__(self, mesh: Mesh, listener: Listener) -> None:
        self._mesh = mesh
        self._listener = listener
        self._watched: dict[str, Watched] = {}
        self._loads = Chores("drops", self._load, LOADED_AT_ONCE, workers=2)

    async def run(self) -> None:
        """Until cancelled."""
        await self._loads.run()

    async def watch(self, drop_ids: Sequence[str], watcher: Connection) -> None:
        """From here on; first how each is now. Raises NotFound, Unavailable; call `leave` in any case."""
        found = [self._join(drop_id, watcher) for drop_id in drop_ids]
        done, _ = await asyncio.wait([one.known for one in found], timeout=LOADED_WITHIN_S) if found else (set(), set())
        if len(done) < len({*drop_ids}):
            raise Unavailable("The drops can't be looked up right now. Try again.")
        for one in found:
            if not one.known.result():
                raise NotFound("There is no such drop.", drop_id=one.drop_id)
            one.show(watcher)

    def _join(self, drop_id: str, watcher: Connection) -> Watched:
        one = self._watched.get(drop_id)
        if one is None:
            one = self._watched[drop_id] = Watched(drop_id)
            for channel in _channels(drop_id):
                self._listener.want(channel)
            self._loads.add([drop_id])
        one.watchers.add(watcher)
        return one

    def leave(self, drop_ids: Iterable[str], watcher: Connection) -> None:
        for drop_id in drop_ids:
            one = self._watched.get(drop_id)
            if one is None or watcher not in one.watchers:
                continue
            one.watchers.discard(watcher)
            if not one.watchers:
                one.close()
                del self._watched[drop_id]
                for channel in _channels(drop_id):
                    self._listener.leave(channel)

    def heard_stock(self, drop_id: str, message: bytes) -> None:
        if one := self._watched.get(drop_id):
            one.take(_decode(message))

    def changed(self, drop_id: str) -> None:
        """It may be another now."""
        if drop_id in self._watched:
            self._loads.add([drop_id])

    def look_at_all(self) -> None:
        """Whatever was not heard."""
        self._loads.add(self._watched)

    def __len__(self) -> int:
        return len(self._watched)

    async def _load(self, drop_ids: list[str]) -> None:
        wanted = [drop_id for drop_id in drop_ids if drop_id in self._watched]
        if not wanted:
            return
        stocks, cards = await asyncio.gather(self._mesh.stocks(wanted), self._mesh.cards(wanted), return_exceptions=True)
        if isinstance(stocks, BaseException):
            raise stocks
        # What is left and what it costs is for orders to say; the rest can wait until products is back.
        known_cards = {} if isinstance(cards, BaseException) else cards
        for drop_id in wanted:
            one = self._watched.get(drop_id)
            if one is None or (isinstance(cards, BaseException) and drop_id not in stocks):
                continue
            one.learn(stocks.get(drop_id), known_cards.get(drop_id))
        if isinstance(cards, BaseException):
            raise cards


def _channels(drop_id: str) -> tuple[str, str]:
    return live.stock(drop_id), live.drop(drop_id)


_decode: Callable[[bytes], Stock] = msgspec.json.Decoder(Stock).decode
