"""What the products context can do, one function a use case. Safe to repeat: ids are the caller's, and versions decide."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from services.contracts.errors import Busy, Conflict, InvalidInput
from services.contracts.media import MediaFile, NewUpload, Upload
from services.contracts.orders import Orders
from services.contracts.products import (
    Drop,
    DropChange,
    DropPage,
    DropState,
    Imported,
    ImportedProduct,
    ImportOutcome,
    NewDrop,
    NewProduct,
    Product,
    ProductChange,
    ProductPage,
    Sought,
    terms_of,
)
from services.kernel import calls, failpoints, ids
from services.kernel.calls import Call
from services.kernel.cursors import Cursors
from services.products import announcements, domain
from services.products.domain import DropRow
from services.products.finding import Finder
from services.products.media.library import Library
from services.products.sellers import require_seller
from services.products.store import DropFilter, LockedDrop, Place, Proposal, Shelf

# Changes of one drop that may be ahead of one: a seller has two hands.
EARLIER_PROPOSALS = 5
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Shop:
    """What the use cases work with. orders: judges what a change of a drop does to its stock. library: of uploaded files."""

    shelf: Shelf
    orders: Orders
    cursors: Cursors
    finder: Finder
    library: Library


def create_product(shop: Shop, product_id: str, creator_id: str, request: NewProduct, call: Call) -> Product:
    require_seller(creator_id, call)
    shop.library.require_ready(request.media, creator_id)
    product = domain.created(product_id, creator_id, request, shop.shelf.now())
    told = announcements.of_product("product.created", product, product.created_at, call.correlation_id)
    if not shop.shelf.add_product(product, request, [told]) and not shop.shelf.was_created_as(product, request):
        raise Conflict("There is another product under this id.", product_id=product_id)
    return shop.shelf.product(product_id)[0]


def import_products(shop: Shop, imported: Sequence[ImportedProduct], call: Call) -> list[Imported]:
    """Each creator's in one transaction. One that comes twice is new once; what a lost answer leaves open, the same call again settles."""
    call.require_operator()
    outcomes = dict[int, Imported]()
    for creator_id in dict.fromkeys(each.creator_id for each in imported):
        call.require_time()
        places = [place for place, each in enumerate(imported) if each.creator_id == creator_id]
        outcomes |= zip(places, _import_of_creator(shop, [imported[place] for place in places], call), strict=True)
    return [outcomes[place] for place in range(len(imported))]


def _import_of_creator(shop: Shop, imported: Sequence[ImportedProduct], call: Call) -> list[Imported]:
    ready = shop.library.ready_of({id for each in imported for id in each.product.media}, imported[0].creator_id)
    outcomes = {
        place: Imported(each.product_id, ImportOutcome.REFUSED, InvalidInput.code)
        for place, each in enumerate(imported)
        if not ready.issuperset(each.product.media)
    }
    places = [place for place in range(len(imported)) if place not in outcomes]
    outcomes |= zip(places, _add_imported(shop, [imported[place] for place in places], call), strict=True) if places else ()
    return [outcomes[place] for place in range(len(imported))]


def _add_imported(shop: Shop, imported: Sequence[ImportedProduct], call: Call) -> Iterator[Imported]:
    now = shop.shelf.now()
    products = [domain.created(each.product_id, each.creator_id, each.product, now) for each in imported]
    told = [announcements.of_product("product.created", product, now, call.correlation_id) for product in products]
    new = shop.shelf.add_products(products, [each.product for each in imported], told)
    for product, was_new in zip(products, new, strict=True):
        if was_new is None:
            yield Imported(product.id, ImportOutcome.REFUSED, Conflict.code)
        else:
            yield Imported(product.id, ImportOutcome.CREATED if was_new else ImportOutcome.UNCHANGED)


def update_product(shop: Shop, product_id: str, expected_version: int, change: ProductChange, call: Call) -> Product:
    before, now = shop.shelf.product(product_id)
    require_seller(before.creator_id, call)
    after = domain.changed_product(before, expected_version, change, now)
    if after is before:
        return before
    shop.library.require_ready([id for id in after.media if id not in before.media], before.creator_id)
    told = announcements.of_product("product.changed", after, now, call.correlation_id)
    if not shop.shelf.change_product(before, after, [told]):
        return update_product(shop, product_id, expected_version, change, call)  # somebody was faster: now it is stale, or there already
    return after


def get_product(shop: Shop, product_id: str) -> Product:
    return shop.shelf.product(product_id)[0]


def get_products(shop: Shop, product_ids: Sequence[str]) -> list[Product]:
    found = shop.shelf.products(product_ids)
    return [found[product_id] for product_id in dict.fromkeys(product_ids) if product_id in found]


def list_products(shop: Shop, creator_id: str | None, first: int, after: str | None, page: int | None) -> ProductPage:
    listing = f"products:{creator_id}"
    place, skip = _place(shop, listing, after), _skip(first, after, page)
    found = shop.shelf.list_products(creator_id, first + 1, place, skip)
    products = found[:first]
    return ProductPage(products, _cursor(shop, listing, products[-1].created_at, products[-1].id) if len(found) > first else None)


def schedule_drop(shop: Shop, drop_id: str, product_id: str, request: NewDrop, call: Call) -> Drop:
    product, now = shop.shelf.product(product_id)
    require_seller(product.creator_id, call)
    drop = domain.scheduled(drop_id, product, request, now) if not _is_there(shop, drop_id) else None
    if drop is not None:
        told = announcements.of_drop("drop.scheduled", drop, now, call.correlation_id)
        if shop.shelf.add_drop(drop, request, [told]):
            return drop
    row, now = shop.shelf.drop(drop_id)
    if row.drop.product_id != product_id or not shop.shelf.was_scheduled_as(row.drop, request):
        raise Conflict("There is another drop under this id.", drop_id=drop_id)
    return domain.as_seen(row, now)


def _is_there(shop: Shop, drop_id: str) -> bool:
    """A retry may come when the start has passed: the window is judged once."""
    return drop_id in shop.shelf.drops([drop_id])[0]


def change_drop(shop: Shop, drop_id: str, expected_version: int, change: DropChange, call: Call) -> Drop:
    def after(book: LockedDrop) -> Drop:
        return domain.changed_drop(book.row, expected_version, change, book.now)

    return _propose(shop, drop_id, "drop.changed", after, None, call)


def end_drop(shop: Shop, drop_id: str, call: Call) -> Drop:
    return _propose(shop, drop_id, "drop.changed", lambda book: domain.ended(book.row, book.now), None, call)


def cancel_drop(shop: Shop, drop_id: str, reason: str, call: Call) -> Drop:
    return _propose(shop, drop_id, "drop.cancelled", lambda book: domain.cancelled(book.row, book.now), reason, call)


def _propose(shop: Shop, drop_id: str, kind: str, change: Callable[[LockedDrop], Drop], reason: str | None, call: Call) -> Drop:
    """Change a drop in three steps, each of which can be the last that a process does: propose, ask orders, accept or discard."""
    row, _ = shop.shelf.drop(drop_id)
    require_seller(row.drop.creator_id, call)
    proposal = _write_proposal(shop, row, kind, change, reason)
    if proposal is not None:
        settle(shop, proposal)
    return get_drop(shop, drop_id)


def _write_proposal(shop: Shop, row: DropRow, kind: str, change: Callable[[LockedDrop], Drop], reason: str | None) -> Proposal | None:
    """None where there is nothing to change. A proposal that somebody left behind, or has just made, is settled first."""
    for _ in range(EARLIER_PROPOSALS):
        with shop.shelf.locked_drop(row) as book:
            earlier = book.proposal
            if earlier is None:
                after = change(book)
                if after is book.row.drop:
                    book.abandon()
                    return None
                proposal = Proposal(after, kind, reason)
                book.propose(proposal)
                failpoints.reach("products.after_propose")
                return proposal
            book.abandon()
        with suppress(Conflict):
            settle(shop, earlier)
    raise Busy(retry_after_s=1)


def settle(shop: Shop, proposal: Proposal) -> None:
    """Ask orders, and make the proposal the drop as it is, or forget it. Safe to repeat. Raises Conflict where orders refuses."""
    try:
        shop.orders.set_terms(terms=terms_of(proposal.drop))
    except Conflict:
        shop.shelf.discard(proposal)
        raise
    failpoints.reach("products.before_accept")
    told = announcements.of_drop(proposal.kind, proposal.drop, proposal.drop.updated_at, calls.correlation_id(), proposal.reason)
    shop.shelf.accept(proposal, [told])


def get_drop(shop: Shop, drop_id: str) -> Drop:
    row, now = shop.shelf.drop(drop_id)
    return domain.as_seen(row, now)


def get_drops(shop: Shop, drop_ids: Sequence[str]) -> list[Drop]:
    found, now = shop.shelf.drops(drop_ids)
    return [domain.as_seen(found[drop_id], now) for drop_id in dict.fromkeys(drop_ids) if drop_id in found]


def list_drops(shop: Shop, wanted: DropFilter, first: int, after: str | None, page: int | None) -> DropPage:
    listing = f"drops:{wanted.state}:{wanted.creator_id}:{wanted.product_id}"
    place, skip = _place(shop, listing, after), _skip(first, after, page)
    found, now = shop.shelf.list_drops(wanted, first + 1, place, skip)
    drops = [domain.as_seen(row, now) for row in found[:first]]
    return DropPage(drops, _cursor(shop, listing, drops[-1].starts_at, drops[-1].id) if len(found) > first else None)


def find_products(shop: Shop, sought: Sought, first: int, after: str | None) -> ProductPage:
    listing = f"found:{_fingerprint(sought)}"
    found = shop.finder.products(sought, first + 1, _place(shop, listing, after))
    products = found[:first]
    return ProductPage(products, _cursor(shop, listing, products[-1].created_at, products[-1].id) if len(found) > first else None)


def find_drops(shop: Shop, sought: Sought, states: Sequence[DropState], first: int, after: str | None) -> DropPage:
    listing = f"found drops:{_fingerprint(sought, *sorted(set(states)))}"
    found, now = shop.finder.drops(sought, states, first + 1, _place(shop, listing, after))
    drops = [domain.as_seen(row, now) for row in found[:first]]
    return DropPage(drops, _cursor(shop, listing, drops[-1].created_at, drops[-1].id) if len(found) > first else None)


def _fingerprint(sought: Sought, *more: str) -> str:
    """A question of any length, short enough for a cursor."""
    return ids.derived_id(msgspec.json.encode(sought).decode(), *more)


def create_upload(shop: Shop, media_id: str, creator_id: str, upload: NewUpload, call: Call) -> Upload:
    require_seller(creator_id, call)
    return shop.library.create_upload(media_id, creator_id, upload)


def get_media(shop: Shop, media_ids: Sequence[str]) -> list[MediaFile]:
    return shop.library.get_media(media_ids)


class _Position(NamedTuple):
    """A place as it is in a cursor: which list, microseconds since 1970, the id."""

    listing: str
    at_us: int
    id: str


def _cursor(shop: Shop, listing: str, at: datetime, id: str) -> str:
    return shop.cursors.write(_Position(listing, (at - _EPOCH) // timedelta(microseconds=1), id))


def _place(shop: Shop, listing: str, cursor: str | None) -> Place | None:
    """Raises InvalidInput for a cursor of another list."""
    if cursor is None:
        return None
    position = shop.cursors.read_of(listing, cursor, _Position)
    return Place(_EPOCH + timedelta(microseconds=position.at_us), position.id)


def _skip(first: int, after: str | None, page: int | None) -> int:
    """Raises InvalidInput where a list is asked to begin at two places."""
    if after is not None and page is not None:
        raise InvalidInput("Ask for a page by its number or by a cursor, not both.", field="page")
    return first * (page - 1) if page else 0
