"""Drops: what GraphQL and REST do alike. A drop is shown by its live stock, with what products says of it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway import inputs, presenters
from gateway.context import RequestContext
from gateway.live_stocks import untouched
from services.contracts.errors import Unavailable
from services.contracts.products import Drop, DropChange, DropState, NewDrop
from services.kernel import ids


class Wanted(NamedTuple):
    """Which drops a list is of: those for which all hold that are given."""

    state: DropState | None = None
    creator_id: str | None = None
    product_id: str | None = None


class ShownPage(NamedTuple):
    """Drops as clients see them. next: the cursor of the page behind, None at the end."""

    drops: list[dict[str, Any]]
    next: str | None


def find(context: RequestContext, drop_id: str) -> dict[str, Any] | None:
    """A drop as clients see it; None where there is none."""
    loaders = context.loaders
    stock = loaders.stocks.load(drop_id)
    try:
        card = loaders.drops.load(drop_id)
    except Unavailable:
        if stock is None:
            raise
        card = None  # what is left and what it costs is for orders to say; the rest can wait until products is back
    if stock is None and card is not None:
        stock = untouched(card)
    return presenters.drop(stock, card) if stock else None


def visit(context: RequestContext, drop_id: str) -> dict[str, Any] | None:
    """The same, asked for by itself: somebody looks at it, which counts, unless it is theirs."""
    shown = find(context, drop_id)
    visitor = context.viewer.id if context.viewer else context.visit.address
    if shown and shown["creatorId"] != visitor:
        context.gateway.sightings.viewed(drop_id, shown["creatorId"], visitor)
    return shown


def page_of(context: RequestContext, wanted: Wanted, asked: inputs.Page) -> ShownPage:
    """A page of the list, with all its stocks; their products and creators come together, when one is asked for.

    Raises InvalidInput for a cursor of another list, NotFound for a product that there is not.
    """
    page = context.gateway.products.list_drops(**wanted._asdict(), first=asked.first, after=asked.after, page=asked.number)
    loaders = context.loaders
    loaders.stocks.expect(drop.id for drop in page.drops)
    loaders.products.expect(drop.product_id for drop in page.drops)
    loaders.reminders.expect(drop.id for drop in page.drops)
    loaders.profiles.expect(drop.creator_id for drop in page.drops)
    shown = []
    for drop in page.drops:
        loaders.drops.remember(drop.id, drop)
        shown.append(presenters.drop(loaders.stocks.load(drop.id) or untouched(drop), drop))
    return ShownPage(shown, page.next)


def schedule(context: RequestContext, key: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Announce a sale of a product; the same key again is the same drop.

    Raises Unauthenticated, InvalidInput that names the field, NotFound, Forbidden, Conflict (the key was used for another one).
    """
    viewer = context.require_viewer()
    product_id = inputs.product_id(fields.get("productId"), "productId")
    request = inputs.payload(NewDrop, fields)
    with inputs.named_for_clients():
        drop_id = ids.derived_id("drop", viewer.id, key)
        return _changed(context, context.gateway.products.schedule_drop(drop_id=drop_id, product_id=product_id, drop=request))


def change(context: RequestContext, drop_id: str, expected_version: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Raises Unauthenticated, InvalidInput that names the field, NotFound, Forbidden, StaleVersion, DropFixed, Ended, Conflict."""
    context.require_viewer()
    wish = inputs.payload(DropChange, fields)
    with inputs.named_for_clients():
        return _changed(context, context.gateway.products.change_drop(drop_id=drop_id, expected_version=expected_version, change=wish))


def end(context: RequestContext, drop_id: str) -> dict[str, Any]:
    """Raises Unauthenticated, NotFound, Forbidden, NotStarted."""
    context.require_viewer()
    return _changed(context, context.gateway.products.end_drop(drop_id=drop_id))


def cancel(context: RequestContext, drop_id: str, reason: str) -> dict[str, Any]:
    """Raises Unauthenticated, NotFound, Forbidden, Ended."""
    context.require_viewer()
    return _changed(context, context.gateway.products.cancel_drop(drop_id=drop_id, reason=reason))


def _changed(context: RequestContext, drop: Drop) -> dict[str, Any]:
    """The drop after a change. Its card is dropped here, too: its seller looks again sooner than an event comes round."""
    context.gateway.cards.forget([drop.id])
    context.loaders.drops.remember(drop.id, drop)
    context.loaders.stocks.forget(drop.id)
    return presenters.drop(context.loaders.stocks.load(drop.id) or untouched(drop), drop)
