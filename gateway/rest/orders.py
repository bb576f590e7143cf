"""Orders over REST."""

from flask import Blueprint, Response, g

from gateway import errors, inputs, presenters
from gateway.context import Gateway, RequestContext
from gateway.rest import messages


def add_routes(rest: Blueprint, gateway: Gateway) -> None:
    @rest.post("/order")
    def place_order() -> Response:
        """Buy. Header Idempotency-Key; body {"dropId", "quantity"}. 201 with the order, also for a retry."""
        buyer = messages.signed_in(gateway, "placeOrder").require_viewer()
        body = messages.body({"dropId", "quantity"})
        wish = inputs.place_order(body.get("dropId"), buyer.id, body.get("quantity", 1), messages.idempotency_key())
        placement = gateway.checkout.place(wish)
        if placement.order is None:
            raise errors.of_placement(placement)
        return messages.answer(presenters.order(placement.order), 201)

    @rest.get("/order/<order_id>")
    def get_order(order_id: str) -> Response:
        """One order of the signed-in person."""
        context = RequestContext(gateway, g.visit)
        context.require_viewer()
        context.charge(1)
        return messages.answer(presenters.order(gateway.orders.get_order(order_id=inputs.order_id(order_id))))
