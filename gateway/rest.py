"""REST: the same use cases as GraphQL, with problem+json errors (RFC 9457)."""

from typing import Any, cast

import msgspec
from flask import Blueprint, Response, g, request

from gateway import errors, inputs, presenters
from gateway.context import Gateway, RequestContext
from gateway.documents import FIELD_POINTS
from services.contracts.errors import InvalidInput, LiveDropsError
from services.kernel import calls

JSON = "application/json"


def make_blueprint(gateway: Gateway) -> Blueprint:
    rest = Blueprint("rest", __name__)

    @rest.post("/order")
    def place_order() -> Response:
        """Buy. Header Idempotency-Key; body {"dropId", "quantity"}. 201 with the order, also for a retry."""
        context = RequestContext(gateway, g.visit)
        buyer = context.require_viewer()
        context.charge(FIELD_POINTS["placeOrder"])
        body = _body({"dropId", "quantity"})
        key = request.headers.get("Idempotency-Key")
        if key is None:
            raise InvalidInput(
                "Send an Idempotency-Key header: new for each wish to buy, the same for its retries.", field="Idempotency-Key"
            )
        wish = inputs.place_order(body.get("dropId"), buyer.id, body.get("quantity", 1), key)
        placement = gateway.checkout.place(wish)
        if placement.order is None:
            raise errors.of_placement(placement)
        return _answer(presenters.order(placement.order), 201)

    @rest.get("/order/<order_id>")
    def get_order(order_id: str) -> Response:
        """One order of the signed-in person."""
        context = RequestContext(gateway, g.visit)
        context.require_viewer()
        context.charge(1)
        return _answer(presenters.order(gateway.orders.get_order(order_id=inputs.order_id(order_id))))

    return rest


def _body(allowed: set[str]) -> dict[str, Any]:
    """The request's body: a JSON object with no other field than these. Raises InvalidInput."""
    if request.mimetype != JSON:
        raise InvalidInput("Send the body as application/json.", field="Content-Type")
    body = inputs.json_of(inputs.body_of(request))
    if not isinstance(body, dict):
        raise InvalidInput("The body must be a JSON object.")
    if unknown := sorted(set(body) - allowed):
        raise InvalidInput(f"Unknown field {unknown[0]!r}.", field=unknown[0])
    return cast("dict[str, Any]", body)


def _answer(body: dict[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, content_type=f"{JSON}; charset=utf-8")


def problem(error: LiveDropsError) -> Response:
    """The answer for an error."""
    body = errors.as_problem(error, calls.current().correlation_id)
    return Response(
        msgspec.json.encode(body), errors.status_of(error), errors.headers_of(error), content_type="application/problem+json; charset=utf-8"
    )
