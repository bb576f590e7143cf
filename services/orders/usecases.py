"""What the orders context can do, one function a use case. Safe to repeat: keys, drop ids and versions decide."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import msgspec

from services.contracts.errors import Conflict, Ended, Internal, InvalidInput, LiveDropsError, NotFound, from_wire
from services.contracts.orders import (
    MAX_BATCH,
    ChangeStock,
    OpenStock,
    Order,
    OrderPage,
    OrderStatus,
    Placement,
    PlaceOrder,
    Reconciliation,
    Stock,
    Terms,
)
from services.contracts.products import Products, terms_of
from services.contracts.tallies import Tallies
from services.kernel import calls, failpoints, tracing
from services.kernel.batching import Batcher
from services.kernel.calls import Call
from services.kernel.shown_stock import ShownStock
from services.kernel.traces import Trace
from services.orders import announcements, domain
from services.orders.domain import Book, Settlement
from services.orders.reconciling import balances
from services.orders.store import Books, OpenBook, order_id_of
from services.orders.tallying import Tallying
from services.orders.views import OrderViews

# Up to this many orders, the filter of accepted keys is made on the spot (some 5 us a key); a larger one is the relay's work.
KEYS_AT_ONCE = 20_000
# Batches of several gateways for one drop would wait for each other at its row: up to this many wishes share a transaction.
LARGEST_TRANSACTION = 2 * MAX_BATCH
# Batches that may wait for one drop in one process; at some thousands of orders a second they wait a second or two.
CAPACITY = 64
# Orders of a drop that was taken back, looked up at once.
CANCELLED_AT_ONCE = 500
# The audit log's reason for what products says.
ANNOUNCED = "announced by the seller"
# A stock may be announced this long before its sale, and not more: it is a typing error otherwise.
LONGEST_WINDOW = timedelta(days=366 * 5)


class _Wishes(NamedTuple):
    """What one call wants of a drop, and the call's place in a trace."""

    requests: Sequence[PlaceOrder]
    trace: Trace | None


class Sales:
    """What the use cases work with. One for a process."""

    def __init__(self, books: Books, shown: ShownStock, views: OrderViews, tallying: Tallying, products: Products | None = None) -> None:
        """products: to ask for a drop whose announcement has not come yet."""
        self.books = books
        self.shown = shown
        self.views = views
        self.tallying = tallying
        self.products = products
        self.lanes: Batcher[str, _Wishes, list[Placement]] = Batcher(
            partial(_settle, self), largest=LARGEST_TRANSACTION // MAX_BATCH, flights=1, capacity=CAPACITY
        )


def place_many(sales: Sales, requests: Sequence[PlaceOrder], call: Call) -> list[Placement]:
    """Buy for many people of one drop. Batches that wait at the drop's row anyway share a transaction."""
    drop_id = requests[0].drop_id
    for request in requests:
        call.require_person(request.user_id)
        if request.drop_id != drop_id:
            raise InvalidInput("A batch is for one drop.", field="requests")
    wishes = _Wishes(requests, call.trace)
    try:
        return sales.lanes.submit(drop_id, wishes, call.remaining_s())
    except NotFound:
        learn(sales, drop_id, call)
        return sales.lanes.submit(drop_id, wishes, call.remaining_s())


def learn(sales: Sales, drop_id: str, call: Call) -> None:
    """Ask products for a drop that orders has not heard of: its announcement is on its way. Raises NotFound where there is none."""
    if sales.products is None:
        raise NotFound("There is no such drop.", drop_id=drop_id)
    take_terms(sales, terms_of(sales.products.get_drop(drop_id=drop_id)), call)


def place_order(sales: Sales, request: PlaceOrder, call: Call) -> Order:
    placement = place_many(sales, [request], call)[0]
    if placement.order is None:
        raise from_wire(placement.error or Internal.code, placement.message, placement.data)
    return placement.order


def _settle(sales: Sales, drop_id: str, batches: Sequence[_Wishes]) -> list[list[Placement]]:
    """Settle batches of one drop in one transaction, in order of arrival."""
    requests = [request for batch in batches for request in batch.requests]
    above, links = tracing.united([batch.trace for batch in batches])
    attributes: tracing.Attributes = {"livedrops.drop.id": drop_id, "livedrops.batch.size": len(requests)}
    with tracing.part("settle", "internal", attributes, above, links):
        with sales.books.open(drop_id) as book:
            settlement = domain.settle(book.book, book.history(requests), requests, book.now, _order_ids(drop_id))
            _record(book, settlement, calls.current())
        if settlement.sales:
            failpoints.reach("orders.before_cache")
            _show(sales, settlement.after)
    placements = iter([_placement(outcome) for outcome in settlement.outcomes])
    return [[next(placements) for _ in batch.requests] for batch in batches]


def _order_ids(drop_id: str) -> Iterator[str]:
    while True:
        yield order_id_of(drop_id)


def _record(book: OpenBook, settlement: Settlement, call: Call) -> None:
    if not settlement.sales:
        book.abandon()
        return
    events = announcements.of_sales(settlement.before, settlement.after, settlement.sales, book.now, call.correlation_id)
    book.commit_sales(settlement.after, settlement.sales, events)


def _placement(outcome: Order | LiveDropsError) -> Placement:
    if isinstance(outcome, LiveDropsError):
        return Placement(error=outcome.code, message=outcome.message, data=outcome.data)
    return Placement(order=outcome)


def _show(sales: Sales, after: Book) -> None:
    """Refresh what gateways see. Dying here loses nothing: the relay shows the stock again."""
    show_book(sales.books, sales.shown, after, most_keys=KEYS_AT_ONCE)


def show_book(books: Books, shown: ShownStock, book: Book, most_keys: int | None = None) -> None:
    """Show a book in the cache; one that is sold out with its accepted keys, unless they are more than most_keys."""
    stock = domain.as_stock(book, book.starts_at)  # whoever looks works out the state for himself
    if book.available == 0 and (most_keys is None or books.count_orders(book.drop_id) <= most_keys):
        # Gathering the keys takes a while, and gateways need them with the stock; who watches need not wait for it.
        shown.tell(stock)
        shown.show_sold_out(stock, books.keys(book.drop_id))
    shown.show(stock)


def get_order(sales: Sales, order_id: str, call: Call) -> Order:
    order, creator_id = sales.books.order(order_id)
    viewer = call.viewer
    if viewer and viewer.id not in (order.user_id, creator_id) and not viewer.is_operator():
        raise NotFound("There is no such order.", order_id=order_id)
    return order


def cancel_order(sales: Sales, order_id: str, reason: str, call: Call) -> Order:
    order = get_order(sales, order_id, call)
    call.require_person(order.user_id)
    with sales.books.open(order.drop_id) as book:
        order = book.order(order_id)
        if order.status not in (OrderStatus.CONFIRMED, OrderStatus.HELD):
            book.abandon()
            return order
        if book.now >= book.book.ends_at and call.viewer and not call.viewer.is_operator():
            raise Ended("The drop is over; ask the seller to cancel.", ended_at=book.book.ends_at.isoformat())
        before, after = book.book, domain.give_back(book.book, order, book.now)
        ended = msgspec.structs.replace(order, status=OrderStatus.CANCELLED)
        _announce_return(sales, before, after, book)
        events = announcements.of_cancelling(before, after, ended, reason, book.now, call.correlation_id)
        book.commit_ending(after, ended, call.actor(), reason, events)
    _show(sales, after)
    return ended


def _announce_return(sales: Sales, before: Book, after: Book, book: OpenBook) -> None:
    """Units return to a sold-out drop: gateways must learn it before anybody can buy one (docs/adr/0004)."""
    if before.available == 0 and after.available > 0:
        sales.shown.show(domain.as_stock(after, book.now))


def list_orders(sales: Sales, user_id: str, first: int, after: str | None, call: Call) -> OrderPage:
    call.require_person(user_id)
    return sales.views.page(user_id, first, after)


def tally_sales(sales: Sales, drop_id: str, until: datetime, call: Call) -> Tallies:
    call.require_operator()
    return sales.tallying.tally(drop_id, until)


def get_stock(sales: Sales, drop_id: str, call: Call) -> Stock:
    try:
        book, now = sales.books.book(drop_id)
    except NotFound:
        learn(sales, drop_id, call)
        book, now = sales.books.book(drop_id)
    stock = domain.as_stock(book, now)
    sales.shown.show(stock)
    return stock


def get_stocks(sales: Sales, drop_ids: Sequence[str]) -> list[Stock]:
    books, now = sales.books.many(drop_ids)
    stocks = [domain.as_stock(books[drop_id], now) for drop_id in dict.fromkeys(drop_ids) if drop_id in books]
    for stock in stocks:
        sales.shown.show(stock)
    return stocks


def open_stock(sales: Sales, request: OpenStock, call: Call) -> Stock:
    call.require_operator()
    if request.ends_at - request.starts_at > LONGEST_WINDOW:
        raise InvalidInput("A sale may last five years at most.", field="ends_at")
    book, now = domain.opened(request), sales.books.now()
    events = announcements.of_change(None, book, now, call.correlation_id)
    if not sales.books.create(request, book, call.actor(), request.reason, now, events) and not sales.books.was_opened_as(request):
        raise Conflict("This drop has a stock already, opened differently.", drop_id=request.drop_id)
    return get_stock(sales, request.drop_id, call)


def set_terms(sales: Sales, terms: Terms, call: Call) -> Stock:
    call.require_operator()
    return take_terms(sales, terms, call)


def take_terms(sales: Sales, terms: Terms, call: Call) -> Stock:
    """Open a book or bring it to newer terms. Told twice or late, they change nothing."""
    now = sales.books.now()
    fresh = domain.opened_by(terms, now)
    events = announcements.of_change(None, fresh, now, call.correlation_id)
    if sales.books.create(terms, fresh, call.actor(), ANNOUNCED, now, events):
        return get_stock(sales, terms.drop_id, call)
    with sales.books.open(terms.drop_id) as book:
        before, after = book.book, domain.with_terms(book.book, terms, book.now)
        if after is before:
            book.abandon()
            return domain.as_stock(before, book.now)
        _announce_return(sales, before, after, book)
        events = announcements.of_change(before, after, book.now, call.correlation_id)
        book.commit_change(after, call.actor(), ANNOUNCED, terms, events)
    _show(sales, after)
    return domain.as_stock(after, book.now)


def cancel_drop(sales: Sales, drop_id: str, reason: str, call: Call) -> int:
    """Cancel every order of a drop that was taken back, and give its units back. Safe to repeat, from anywhere. How many were left."""
    cancelled = 0
    while some := sales.books.standing_orders(drop_id, CANCELLED_AT_ONCE):
        for order_id in some:
            cancel_order(sales, order_id, reason, call)
        cancelled += len(some)
    return cancelled


def change_stock(sales: Sales, change: ChangeStock, call: Call) -> Stock:
    call.require_operator()
    with sales.books.open(change.drop_id) as book:
        before, after = book.book, domain.changed(book.book, change, book.now)
        if replace(after, version=before.version) == before:
            book.abandon()
            return domain.as_stock(before, book.now)
        _announce_return(sales, before, after, book)
        events = announcements.of_change(before, after, book.now, call.correlation_id)
        book.commit_change(after, call.actor(), change.reason, change, events)
    _show(sales, after)
    return domain.as_stock(after, book.now)


def close_stock(sales: Sales, drop_id: str, reason: str, call: Call) -> Stock:
    call.require_operator()
    with sales.books.open(drop_id) as book:
        before, after = book.book, domain.closed(book.book, book.now)
        if after is before:
            book.abandon()
            return domain.as_stock(before, book.now)
        events = announcements.of_change(before, after, book.now, call.correlation_id)
        book.commit_change(after, call.actor(), reason, {"closed": True}, events)
    _show(sales, after)
    return domain.as_stock(after, book.now)


def reconcile(sales: Sales, after: str | None, first: int) -> Reconciliation:
    """Check one page of books, in the order of their drop ids."""
    page = sales.books.check_page(after, first)
    return Reconciliation(len(page), [book for book in page if not balances(book)], page[-1].drop_id if len(page) == first else None)
