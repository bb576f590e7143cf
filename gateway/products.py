"""Products: what GraphQL and REST do alike."""

from collections.abc import Mapping
from typing import Any

from gateway import inputs
from gateway.context import RequestContext
from services.contracts.products import NewProduct, Product, ProductChange, ProductPage
from services.kernel import ids


def create(context: RequestContext, key: str, fields: Mapping[str, Any]) -> Product:
    """A product of the signed-in person; the same key again is the same product.

    Raises Unauthenticated, InvalidInput that names the field, Forbidden (no creator), Conflict (the key was used for another one).
    """
    viewer = context.require_viewer()
    request = inputs.payload(NewProduct, fields)
    product_id = ids.derived_id("product", viewer.id, key)
    with inputs.named_for_clients():
        return _known(context, context.gateway.products.create_product(product_id=product_id, creator_id=viewer.id, product=request))


def update(context: RequestContext, product_id: str, expected_version: int, fields: Mapping[str, Any]) -> Product:
    """Raises Unauthenticated, InvalidInput that names the field, NotFound, Forbidden, StaleVersion."""
    context.require_viewer()
    change = inputs.payload(ProductChange, fields)
    with inputs.named_for_clients():
        product = context.gateway.products.update_product(product_id=product_id, expected_version=expected_version, change=change)
    return _known(context, product)


def page_of(context: RequestContext, creator_id: str | None, asked: inputs.Page) -> ProductPage:
    """A page of the list, newest first. Its creators' profiles come together, when one is asked for."""
    page = context.gateway.products.list_products(creator_id=creator_id, first=asked.first, after=asked.after, page=asked.number)
    for product in page.products:
        _known(context, product)
    context.loaders.profiles.expect(product.creator_id for product in page.products)
    return page


def _known(context: RequestContext, product: Product) -> Product:
    context.loaders.products.remember(product.id, product)
    context.loaders.files.expect(product.media)
    return product
