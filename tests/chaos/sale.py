"""A sale under way while something breaks, and the proof afterwards that nothing was lost, doubled or oversold."""

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from services.contracts.analytics import Analytics
from services.contracts.errors import SoldOut
from services.contracts.orders import Orders, Stock
from tests.chaos.books import Sql, check_audit_trail, check_book, check_counted, check_heard, check_orders, wait_until_told
from tests.chaos.buyers import GIVES_UP_AFTER_S, Buyer, Outcome
from tests.chaos.witness import Witness
from tests.conftest import Person, eventually

BUYERS = 16
# More than all buyers of a test can buy.
PLENTY = 1_000_000
# So many orders before and after a disturbance show that it came in the middle of a sale.
FLOWING = 100


@dataclass(frozen=True)
class Market:
    """What a sale needs of the tests' fixtures."""

    orders: Orders
    analytics: Analytics
    sql: Sql
    open_drop: Callable[..., Stock]
    person: Callable[..., Person]
    address: str
    broker_url: str


@dataclass
class Sale:
    """Buyers of one drop, each in a thread. Their wishes are random, from a seed that is printed."""

    market: Market
    drop: Stock
    buyers: list[Buyer]
    witness: Witness | None
    _closed: threading.Event = field(default_factory=threading.Event)
    _outcomes: list[Outcome] = field(default_factory=list)
    _shopping: list[Future[None]] = field(default_factory=list)

    def accepted(self) -> list[Outcome]:
        return [outcome for outcome in list(self._outcomes) if outcome.order is not None]

    def sold_out(self) -> bool:
        return any(outcome.code == SoldOut.code for outcome in list(self._outcomes))

    def wait_for_orders(self, more: int = FLOWING) -> None:
        """Until buyers were given so many orders that they first asked for after now."""
        begun = len(self._outcomes)
        eventually(lambda: self._goes_on() and sum(o.order is not None for o in list(self._outcomes)[begun:]) >= more, GIVES_UP_AFTER_S)

    def wait_for_answers(self, more: int = FLOWING) -> None:
        """Until buyers have learned the outcome of so many more wishes, granted or not."""
        enough = len(self._outcomes) + more
        eventually(lambda: self._goes_on() and len(self._outcomes) >= enough, GIVES_UP_AFTER_S)

    def wait_until_sold_out(self) -> None:
        """Until buyers were told so."""
        eventually(lambda: self._goes_on() and self.sold_out(), GIVES_UP_AFTER_S)

    def verify(self) -> None:
        """Every promise to these buyers was kept. The sale must be over."""
        accepted = self.accepted()
        orders = {str(outcome.order["id"]): outcome for outcome in accepted if outcome.order}
        assert len(orders) == len(accepted), "two keys were given the same order"
        check_orders(self.market.sql, self.drop.drop_id, orders)
        check_book(self.market.sql, self.market.orders, self.drop)
        check_audit_trail(self.market.sql, self.drop.drop_id)
        wait_until_told(self.market.sql, self.drop.drop_id, orders)
        units = sum(outcome.wish.quantity for outcome in accepted)
        check_counted(self.market.analytics, self.drop, units, orders)
        if self.witness:
            check_heard(self.witness, self.drop.drop_id, orders)

    def longest_silence_s(self) -> float:
        """How long nobody was given an order."""
        accepted = sorted(outcome.known_at for outcome in self.accepted())
        return max((later - earlier for earlier, later in itertools.pairwise(accepted)), default=0.0)

    def longest_wait_s(self) -> float:
        """How long one buyer had to ask until they knew."""
        return max((outcome.known_at - outcome.asked_at for outcome in self._outcomes), default=0.0)

    def setbacks(self) -> Counter[str]:
        """Why requests had to be repeated, and how often."""
        return sum((buyer.setbacks for buyer in self.buyers), Counter[str]())

    def report(self) -> str:
        """What this sale was like for its buyers."""
        return (
            f"{len(self.accepted())} orders of {len(self._outcomes)} wishes in {sum(buyer.requests for buyer in self.buyers)} requests; "
            f"no order for {self.longest_silence_s():.2f} s at most, one buyer waited {self.longest_wait_s():.2f} s at most; "
            f"repeated for {dict(self.setbacks())}"
        )

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        with ThreadPoolExecutor(len(self.buyers), "buyer") as threads:
            self._shopping = [threads.submit(buyer.shop, self._closed.wait, self._outcomes.append) for buyer in self.buyers]
            try:
                yield
            finally:
                self._closed.set()
        self._goes_on()

    def _goes_on(self) -> bool:
        """Raises what a buyer ran into."""
        for ended in wait(self._shopping, timeout=0, return_when=FIRST_EXCEPTION).done:
            ended.result()
        return True


@contextmanager
def selling(market: Market, *, total: int = PLENTY, watched: bool = True) -> Iterator[Sale]:
    """A sale for the block. At its end the buyers get their last outcomes, and everything is verified.

    watched: another consumer counts the events as well; its queue does not outlive the broker.
    """
    seed = random.randrange(2**32)
    luck = random.Random(seed)
    drop = market.open_drop(total)
    buyers = [
        Buyer(market.person(), market.address, drop.drop_id, number % 2 == 0, random.Random(luck.random())) for number in range(BUYERS)
    ]
    with Witness.of(market.broker_url, "order.#") if watched else nullcontext() as witness:
        sale = Sale(market, drop, buyers, witness)
        with sale._under_way():
            yield sale
        sale.verify()
    print(f"\n  sale of seed {seed}: {sale.report()}")
