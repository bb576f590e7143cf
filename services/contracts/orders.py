"""Orders and stock: the payloads and the Protocol of the orders service."""

from enum import StrEnum
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta

from .tallies import Tallies
from .values import (
    Cursor,
    DropId,
    IdempotencyKey,
    Instant,
    Line,
    Money,
    OrderId,
    PageSize,
    PerUserLimit,
    Quantity,
    Reason,
    StockSize,
    Units,
    UserId,
    Version,
)

# A batch is what queued up while the one before was under way; this bound keeps a transaction short.
MAX_BATCH = 200
# As many as a page of drops has.
DropIds = Annotated[list[DropId], Meta(min_length=1, max_length=100)]


class OrderStatus(StrEnum):
    HELD = "HELD"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


class StockState(StrEnum):
    """What a drop's window and stock say at one moment."""

    SCHEDULED = "SCHEDULED"
    LIVE = "LIVE"
    SOLD_OUT = "SOLD_OUT"
    ENDED = "ENDED"


class PlaceOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wish to buy. The key is the client's and makes a retry the same wish."""

    drop_id: DropId
    user_id: UserId
    quantity: Quantity
    key: IdempotencyKey


class Order(msgspec.Struct, frozen=True):
    id: OrderId
    drop_id: DropId
    user_id: UserId
    quantity: Quantity
    status: OrderStatus
    unit_price: Money
    placed_at: Instant
    name: str


class Placement(msgspec.Struct, frozen=True):
    """What became of one PlaceOrder: an order, or the code of the error that refused it."""

    order: Order | None = None
    error: str | None = None
    message: str | None = None
    data: dict[str, Any] = {}


class OrderPage(msgspec.Struct, frozen=True):
    """Newest first. `next` continues after the last one; None at the end."""

    orders: list[Order]
    next: Cursor | None = None


class OpenStock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The stock of a new drop, on sale from starts_at until ends_at."""

    drop_id: DropId
    creator_id: UserId
    name: Line
    starts_at: Instant
    ends_at: Instant
    total: StockSize
    unit_price: Money
    per_user_limit: PerUserLimit | None = None
    reason: Reason = "opened"


class ChangeStock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change of a stock; what is left out stays. `expected_version` refuses it when someone was faster."""

    drop_id: DropId
    reason: Reason
    expected_version: Version | None = None
    name: Line | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    total: StockSize | None = None
    unit_price: Money | None = None
    per_user_limit: PerUserLimit | None = None


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a seller says of a drop. version: the drop's at products; terms of a lower one than orders knows change nothing."""

    drop_id: DropId
    creator_id: UserId
    name: Line
    starts_at: Instant
    ends_at: Instant
    total: StockSize
    unit_price: Money
    version: Version
    per_user_limit: PerUserLimit | None = None
    cancelled: bool = False


class Stock(msgspec.Struct, frozen=True):
    """The book of one drop. total == available + held + sold, at every version."""

    drop_id: DropId
    creator_id: UserId
    name: str
    starts_at: Instant
    ends_at: Instant
    total: Units
    available: Units
    held: Units
    sold: Units
    unit_price: Money
    per_user_limit: PerUserLimit | None
    version: Version
    state: StockState


class Finding(msgspec.Struct, frozen=True):
    """A book that does not balance: what the stock row says, and what its orders say."""

    drop_id: DropId
    total: int
    available: int
    held: int
    sold: int
    held_by_orders: int
    sold_by_orders: int
    version: int
    audited_version: int


class Reconciliation(msgspec.Struct, frozen=True):
    """One page of checked books. `next` continues; None at the end."""

    checked: int
    findings: list[Finding]
    next: DropId | None = None


class Orders(Protocol):
    """The orders service. Every call can be repeated: keys and drop ids decide, not the number of calls."""

    def place_order(self, *, request: PlaceOrder) -> Order:
        """Buy. Raises OrderRefused, IdempotencyKeyReused, NotFound (no such drop), Forbidden (not for oneself)."""

    def place_many(self, *, requests: Annotated[list[PlaceOrder], Meta(min_length=1, max_length=MAX_BATCH)]) -> list[Placement]:
        """Buy, for many people of one drop at once; placements in the order of the requests. InvalidInput where drops differ."""

    def get_order(self, *, order_id: OrderId) -> Order:
        """One order. Raises NotFound, also to a person who is not the buyer, the drop's creator or an operator."""

    def cancel_order(self, *, order_id: OrderId, reason: Reason) -> Order:
        """Cancel and give the units back. An order cancelled before is answered as it is. Raises NotFound, Ended."""

    def list_orders(self, *, user_id: UserId, first: PageSize = 20, after: Cursor | None = None) -> OrderPage:
        """A person's orders, newest first, a moment behind. Raises InvalidInput (cursor), Forbidden."""

    def get_stock(self, *, drop_id: DropId) -> Stock:
        """The book of a drop. Raises NotFound."""

    def get_stocks(self, *, drop_ids: DropIds) -> list[Stock]:
        """The books of those of the drops that orders knows, in the order asked. A drop announced a moment ago may be missing."""

    def open_stock(self, *, stock: OpenStock) -> Stock:
        """Open a drop's stock. The same again answers the stock as it is; a different one for the drop is a Conflict."""

    def set_terms(self, *, terms: Terms) -> Stock:
        """Open a drop's stock, or bring it to newer terms; older ones are answered with the stock as it is. For products.

        Raises Conflict (fewer than sold and held), Forbidden.
        """

    def change_stock(self, *, change: ChangeStock) -> Stock:
        """Change a stock that has not ended. Raises NotFound, Conflict (version, or fewer than sold and held), Ended."""

    def close_stock(self, *, drop_id: DropId, reason: Reason) -> Stock:
        """End the sale now; what was sold stays sold. A closed one is answered as it is. Raises NotFound."""

    def reconcile(self, *, after: DropId | None = None, first: PageSize = 100) -> Reconciliation:
        """Check one page of books against their orders and audit trail."""

    def tally_sales(self, *, drop_id: DropId, until: Instant) -> Tallies:
        """A drop's orders and cancellations before this time, counted; none for an unknown drop. For services and operators. Raises Forbidden."""
