"""Products over REST. Reading is for everybody."""

from flask import Blueprint, Response, g

from gateway import inputs, presenters, products
from gateway.context import Gateway, RequestContext
from gateway.rest import messages, numbered
from services.contracts.errors import NotFound
from services.contracts.products import NewProduct, Product, ProductChange


def add_routes(rest: Blueprint, gateway: Gateway) -> None:
    _add_reading(rest, gateway)
    _add_selling(rest, gateway)


def _add_reading(rest: Blueprint, gateway: Gateway) -> None:
    @rest.get("/products")
    def list_products() -> Response:
        """Newest first, of one creator (creator_id) or of all."""
        context = RequestContext(gateway, g.visit)
        context.charge(1)
        asked = messages.query({"creator_id", *numbered.PARAMETERS})
        creator_id = inputs.user_id(asked["creator_id"], "creator_id") if "creator_id" in asked else None
        page = numbered.page_asked(context, asked)
        found = products.page_of(context, creator_id, page)
        return numbered.answer("products", [presenters.product(product) for product in found.products], found.next, asked, page)

    @rest.get("/products/<product_id>")
    def get_product(product_id: str) -> Response:
        """One product, with its version as ETag."""
        context = RequestContext(gateway, g.visit)
        context.charge(1)
        product = context.loaders.products.load(inputs.product_id(product_id))
        if product is None:
            raise NotFound("There is no such product.")
        return _answer(product)


def _add_selling(rest: Blueprint, gateway: Gateway) -> None:
    @rest.post("/products")
    def create_product() -> Response:
        """Offer a product. Header Idempotency-Key. 201 with the product, also for a retry."""
        context = messages.signed_in(gateway, "createProduct")
        fields = messages.body(inputs.client_names(NewProduct))
        product = products.create(context, messages.idempotency_key(), fields)
        return _answer(product, 201, {"Location": f"/products/{product.id}"})

    @rest.patch("/products/<product_id>")
    def update_product(product_id: str) -> Response:
        """Change what the body names. Header If-Match with the version that was read."""
        context = messages.signed_in(gateway, "updateProduct")
        fields = messages.body(inputs.client_names(ProductChange))
        return _answer(products.update(context, inputs.product_id(product_id), messages.expected_version(), fields))


def _answer(product: Product, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return messages.answer(presenters.product(product), status, {**messages.etag(product.version), **(headers or {})})
