"""The rules of the sale: pure functions over frozen values, no I/O, no clock of their own.

Invariant of every function that returns a Book: total == available + held + sold, and none is negative.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.contracts.errors import (
    Conflict,
    Ended,
    IdempotencyKeyReused,
    InsufficientStock,
    InvalidInput,
    LimitReached,
    LiveDropsError,
    NotStarted,
    SoldOut,
)
from services.contracts.orders import ChangeStock, OpenStock, Order, OrderStatus, PlaceOrder, Stock, StockState, Terms
from services.contracts.values import Money

# A gateway may answer "sold out" by itself for this long after it last saw the drop sold out. Units that come back are
# sold only once that has passed everywhere, so that no gateway can call an order sold out that another has just taken.
RESALE_DELAY = timedelta(seconds=1.5)
# "Low" is a tenth: late enough to mean something, early enough to act on.
LOW_STOCK_DIVISOR = 10

Buyer = str
Key = tuple[Buyer, str]


@dataclass(frozen=True)
class Book:
    """One drop's stock, as kept."""

    drop_id: str
    creator_id: str
    name: str
    starts_at: datetime
    ends_at: datetime
    total: int
    available: int
    held: int
    sold: int
    unit_price: Money
    per_user_limit: int | None
    version: int
    resale_at: datetime | None = None
    terms_version: int = 0

    def balances(self) -> bool:
        return self.total == self.available + self.held + self.sold and min(self.available, self.held, self.sold) >= 0

    def low_at(self) -> int:
        """The stock is low at this many units, and below."""
        return -(-self.total // LOW_STOCK_DIVISOR)


@dataclass(frozen=True)
class History:
    """What a drop's orders say about the people of a batch: their orders by key, and how many units they have."""

    orders: Mapping[Key, Order] = field(default_factory=dict)
    units: Mapping[Buyer, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Sale:
    """One order that a settlement made, and the book before and after it."""

    order: Order
    key: str
    before: Book
    after: Book


@dataclass(frozen=True)
class Settlement:
    """What became of a batch. outcomes: in the order of the requests, an order (new or earlier) or the refusal."""

    before: Book
    after: Book
    sales: tuple[Sale, ...]
    outcomes: tuple[Order | LiveDropsError, ...]


def settle(book: Book, history: History, requests: Sequence[PlaceOrder], now: datetime, ids: Iterator[str]) -> Settlement:
    """Who gets what, greedily, in order of arrival. A key seen before is its order again; a refusal is not remembered.

    ids: a fresh order id for each sale.
    """
    current, sales, outcomes = book, list[Sale](), list[Order | LiveDropsError]()
    orders, units = dict(history.orders), dict(history.units)
    for request in requests:
        outcome = _earlier(orders, request) or _refusal(current, units.get(request.user_id, 0), request, now)
        if outcome is None:
            sale = _sell(current, request, now, next(ids))
            current, outcome = sale.after, sale.order
            sales.append(sale)
            orders[request.user_id, request.key] = outcome
            units[request.user_id] = units.get(request.user_id, 0) + request.quantity
        outcomes.append(outcome)
    return Settlement(book, current, tuple(sales), tuple(outcomes))


def _earlier(orders: Mapping[Key, Order], request: PlaceOrder) -> Order | LiveDropsError | None:
    order = orders.get((request.user_id, request.key))
    if order is None or order.quantity == request.quantity:
        return order
    return IdempotencyKeyReused(order_id=order.id)


def _refusal(book: Book, has: int, request: PlaceOrder, now: datetime) -> LiveDropsError | None:
    if now < book.starts_at:
        return NotStarted(starts_at=book.starts_at.isoformat())
    if now >= book.ends_at:
        return Ended(ended_at=book.ends_at.isoformat())
    if sold_out(book, now):
        return SoldOut()
    if book.per_user_limit is not None and has + request.quantity > book.per_user_limit:
        return LimitReached(limit=book.per_user_limit, has=has)
    if request.quantity > book.available:
        return InsufficientStock(available=book.available)
    return None


def sold_out(book: Book, now: datetime) -> bool:
    """Nothing to be had at this moment: no unit left, or none that may be sold again yet."""
    return book.available == 0 or (book.resale_at is not None and now < book.resale_at)


def _sell(book: Book, request: PlaceOrder, now: datetime, order_id: str) -> Sale:
    after = replace(book, available=book.available - request.quantity, sold=book.sold + request.quantity, version=book.version + 1)
    order = Order(
        id=order_id,
        drop_id=book.drop_id,
        user_id=request.user_id,
        quantity=request.quantity,
        status=OrderStatus.CONFIRMED,
        unit_price=book.unit_price,
        placed_at=now,
        name=book.name,
    )
    return Sale(order, request.key, book, after)


def give_back(book: Book, order: Order, now: datetime) -> Book:
    """The book after an order that stands has ended. ValueError for one that does not stand."""
    if order.status not in (OrderStatus.CONFIRMED, OrderStatus.HELD):
        raise ValueError(f"an order that is {order.status} holds no units")
    held = order.quantity if order.status is OrderStatus.HELD else 0
    return replace(
        book,
        available=book.available + order.quantity,
        held=book.held - held,
        sold=book.sold - (order.quantity - held),
        version=book.version + 1,
        resale_at=book.resale_at if book.available else now + RESALE_DELAY,
    )


def opened(request: OpenStock) -> Book:
    """A new book. Raises InvalidInput for a window that ends before it starts."""
    _check_window(request.starts_at, request.ends_at)
    return Book(
        drop_id=request.drop_id,
        creator_id=request.creator_id,
        name=request.name,
        starts_at=request.starts_at,
        ends_at=request.ends_at,
        total=request.total,
        available=request.total,
        held=0,
        sold=0,
        unit_price=request.unit_price,
        per_user_limit=request.per_user_limit,
        version=1,
    )


def changed(book: Book, change: ChangeStock, now: datetime) -> Book:
    """The book after a seller's change.

    Raises Ended; Conflict where someone changed it first or fewer units would be than are sold and held; InvalidInput for
    a window that makes no sense.
    """
    if now >= book.ends_at:
        raise Ended(ended_at=book.ends_at.isoformat())
    if change.expected_version is not None and change.expected_version != book.version:
        raise Conflict("The stock changed since you read it.", version=book.version)
    total = book.total if change.total is None else change.total
    if total < book.sold + book.held:
        raise Conflict("More units are sold and held than that.", sold=book.sold, held=book.held)
    starts_at, ends_at = change.starts_at or book.starts_at, change.ends_at or book.ends_at
    _check_window(starts_at, ends_at)
    available = total - book.sold - book.held
    return replace(
        book,
        name=change.name or book.name,
        starts_at=starts_at,
        ends_at=ends_at,
        total=total,
        available=available,
        unit_price=change.unit_price or book.unit_price,
        per_user_limit=change.per_user_limit or book.per_user_limit,
        version=book.version + 1,
        resale_at=book.resale_at if book.available or not available else now + RESALE_DELAY,
    )


def opened_by(terms: Terms, now: datetime) -> Book:
    """A new book of what a seller announces."""
    return Book(
        drop_id=terms.drop_id,
        creator_id=terms.creator_id,
        name=terms.name,
        starts_at=terms.starts_at,
        ends_at=_end_of(terms, now),
        total=terms.total,
        available=terms.total,
        held=0,
        sold=0,
        unit_price=terms.unit_price,
        per_user_limit=terms.per_user_limit,
        version=1,
        terms_version=terms.version,
    )


def with_terms(book: Book, terms: Terms, now: datetime) -> Book:
    """The book under newer terms; the same book where these are not newer. Raises Conflict for fewer units than are sold and held."""
    if terms.version <= book.terms_version:
        return book
    if terms.total < book.sold + book.held:
        raise Conflict("More units are sold and held than that.", sold=book.sold, held=book.held, field="stock")
    available = terms.total - book.sold - book.held
    return replace(
        book,
        name=terms.name,
        starts_at=terms.starts_at,
        ends_at=_end_of(terms, now),
        total=terms.total,
        available=available,
        unit_price=terms.unit_price,
        per_user_limit=terms.per_user_limit,
        version=book.version + 1,
        terms_version=terms.version,
        resale_at=book.resale_at if book.available or not available else now + RESALE_DELAY,
    )


def _end_of(terms: Terms, now: datetime) -> datetime:
    """A drop that was taken back sells nothing from now on, even one that never began."""
    return min(terms.ends_at, now) if terms.cancelled else terms.ends_at


def closed(book: Book, now: datetime) -> Book:
    """The book of a sale that ends now; the same book where it is over already."""
    if now >= book.ends_at:
        return book
    return replace(book, ends_at=now, version=book.version + 1)


def _check_window(starts_at: datetime, ends_at: datetime) -> None:
    if ends_at <= starts_at:
        raise InvalidInput("A sale must end after it starts.", field="ends_at")


def state_at(book: Book, now: datetime) -> StockState:
    """What the window and the stock say at this moment."""
    if now >= book.ends_at:
        return StockState.ENDED
    if now < book.starts_at:
        return StockState.SCHEDULED
    return StockState.SOLD_OUT if sold_out(book, now) else StockState.LIVE


def as_stock(book: Book, now: datetime) -> Stock:
    """The book as others see it."""
    return Stock(
        drop_id=book.drop_id,
        creator_id=book.creator_id,
        name=book.name,
        starts_at=book.starts_at,
        ends_at=book.ends_at,
        total=book.total,
        available=book.available,
        held=book.held,
        sold=book.sold,
        unit_price=book.unit_price,
        per_user_limit=book.per_user_limit,
        version=book.version,
        state=state_at(book, now),
    )


def fell_low(before: Book, after: Book) -> bool:
    """The stock has fallen to low, and not to nothing."""
    return before.available > before.low_at() >= after.available > 0


def fell_out(before: Book, after: Book) -> bool:
    """The last unit has gone."""
    return before.available > 0 == after.available


def came_back(before: Book, after: Book) -> bool:
    """There are units again, where there were none."""
    return before.available == 0 < after.available
