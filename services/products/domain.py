"""The rules of products and drops: pure functions over frozen values, no I/O, no clock of their own."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from msgspec import structs

from services.contracts.errors import Conflict, DropFixed, Ended, InvalidInput, NotStarted, StaleVersion
from services.contracts.products import Drop, DropChange, DropState, NewDrop, NewProduct, Product, ProductChange

# A start given as "now" has passed when it arrives.
LATE = timedelta(seconds=30)
LONGEST_WINDOW = timedelta(days=366 * 5)
# What was promised to those who saw the drop begin.
FIXED_WHEN_LIVE = ("starts_at", "per_user_limit", "unit_price")


@dataclass(frozen=True)
class DropRow:
    """One drop, as kept. `drop.state` is meaningless here: it depends on the moment."""

    drop: Drop
    sold_out: bool


def state_at(row: DropRow, now: datetime) -> DropState:
    """What the row says at this moment."""
    drop = row.drop
    if drop.cancelled_at is not None:
        return DropState.CANCELLED
    if now >= drop.ends_at:
        return DropState.ENDED
    if now < drop.starts_at:
        return DropState.SCHEDULED
    return DropState.SOLD_OUT if row.sold_out else DropState.LIVE


def as_seen(row: DropRow, now: datetime) -> Drop:
    return structs.replace(row.drop, state=state_at(row, now))


def created(product_id: str, creator_id: str, request: NewProduct, now: datetime) -> Product:
    return Product(
        id=product_id,
        creator_id=creator_id,
        name=request.name,
        price=request.price,
        description=request.description,
        tags=_unique(request.tags),
        media=_unique(request.media),
        version=1,
        created_at=now,
        updated_at=now,
    )


def changed_product(product: Product, expected_version: int, change: ProductChange, now: datetime) -> Product:
    """The product after a change; itself where the change is there already. Raises StaleVersion."""
    fields = _given(change)
    for name in ("tags", "media"):
        if name in fields:
            fields[name] = _unique(fields[name])
    after = structs.replace(product, **fields)
    if after == product:
        return product
    _check_version(product.version, expected_version)
    return structs.replace(after, version=product.version + 1, updated_at=now)


def scheduled(drop_id: str, product: Product, request: NewDrop, now: datetime) -> Drop:
    """A new drop. Raises InvalidInput for a window that is past or makes no sense."""
    _check_window(request.starts_at, request.ends_at, now)
    if request.starts_at < now - LATE:
        raise InvalidInput("A drop can't start in the past.", field="starts_at")
    return Drop(
        id=drop_id,
        product_id=product.id,
        creator_id=product.creator_id,
        name=product.name,
        starts_at=request.starts_at,
        ends_at=request.ends_at,
        stock=request.stock,
        per_user_limit=request.per_user_limit,
        unit_price=request.unit_price or product.price,
        metadata=request.metadata,
        state=DropState.SCHEDULED,
        cancelled_at=None,
        version=1,
        created_at=now,
        updated_at=now,
    )


def changed_drop(row: DropRow, expected_version: int, change: DropChange, now: datetime) -> Drop:
    """The drop after a seller's change; itself where the change is there already.

    Raises StaleVersion, Ended, DropFixed (what can't change once it is live), InvalidInput (a window in the past).
    """
    drop, fields = row.drop, _given(change)
    after = structs.replace(drop, **fields)
    if after == drop:
        return drop
    _check_open(row, now)
    _check_version(drop.version, expected_version)
    if now >= drop.starts_at:
        _check_fixed(drop, after)
    elif "starts_at" in fields and after.starts_at < now:
        raise InvalidInput("A drop can't start in the past.", field="starts_at")
    _check_window(after.starts_at, after.ends_at, now)
    return _next(after, drop, now)


def ended(row: DropRow, now: datetime) -> Drop:
    """The drop when its sale ends now; itself where it is over. Raises NotStarted: a sale that never began is cancelled."""
    state = state_at(row, now)
    if state in (DropState.ENDED, DropState.CANCELLED):
        return row.drop
    if state is DropState.SCHEDULED:
        raise NotStarted("The drop has not started yet: cancel it instead.", starts_at=row.drop.starts_at.isoformat())
    return _next(structs.replace(row.drop, ends_at=now), row.drop, now)


def cancelled(row: DropRow, now: datetime) -> Drop:
    """The drop when it is taken back now; itself where it was before. Raises Ended."""
    if row.drop.cancelled_at is not None:
        return row.drop
    _check_open(row, now)
    return _next(structs.replace(row.drop, cancelled_at=now), row.drop, now)


def _next(after: Drop, before: Drop, now: datetime) -> Drop:
    return structs.replace(after, version=before.version + 1, updated_at=now)


def _given(change: ProductChange | DropChange) -> dict[str, Any]:
    return {name: value for name, value in structs.asdict(change).items() if value is not None}


def _unique(items: list[str]) -> list[str]:
    return list(dict.fromkeys(items))


def _check_version(version: int, expected: int) -> None:
    if version != expected:
        raise StaleVersion(version=version)


def _check_open(row: DropRow, now: datetime) -> None:
    state = state_at(row, now)
    if state is DropState.CANCELLED:
        raise Conflict("The drop was cancelled.")
    if state is DropState.ENDED:
        raise Ended(ended_at=row.drop.ends_at.isoformat())


def _check_fixed(before: Drop, after: Drop) -> None:
    for name in FIXED_WHEN_LIVE:
        if getattr(before, name) != getattr(after, name):
            raise DropFixed(field=name)


def _check_window(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    if ends_at <= starts_at:
        raise InvalidInput("A drop must end after it starts.", field="ends_at")
    if ends_at <= now:
        raise InvalidInput("A drop can't end in the past. To end it now, end it.", field="ends_at")
    if ends_at - starts_at > LONGEST_WINDOW:
        raise InvalidInput("A drop may last five years at most.", field="ends_at")
