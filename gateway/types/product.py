from typing import Any

from graphql import GraphQLResolveInfo

from gateway import drops, inputs, presenters
from gateway.context import RequestContext
from gateway.types.connection import one_cursor_connection
from gateway.types.profile import profile_of


def product_of(context: RequestContext, product_id: str) -> dict[str, Any] | None:
    """A product; None where there is none."""
    product = context.loaders.products.load(product_id)
    return presenters.product(product) if product else None


def resolve_creator(product: dict[str, Any], info: GraphQLResolveInfo) -> dict[str, Any] | None:
    """Null for somebody who was deleted."""
    return profile_of(info.context, product["creatorId"])


def resolve_drops(product: dict[str, Any], info: GraphQLResolveInfo, first: int, after: str | None = None) -> dict[str, Any]:
    """A page of the product's drops. Error codes: INVALID_INPUT (first, after)."""
    page = inputs.page(first, after)
    shown = drops.page_of(info.context, drops.Wanted(product_id=product["id"]), page)
    return one_cursor_connection(shown.drops, shown.next, page.after)


def resolve_files(product: dict[str, Any], info: GraphQLResolveInfo) -> list[dict[str, Any]]:
    """What its media are. One that is not ready, in products of earlier versions, is left out."""
    loader = info.context.loaders.files
    loader.expect(product["media"])
    found = [loader.load(media_id) for media_id in product["media"]]
    return [presenters.media_file(file) for file in found if file is not None]
