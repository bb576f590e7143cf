"""REST: the same use cases as GraphQL, with problem+json errors (RFC 9457)."""

from flask import Blueprint

from gateway.context import Gateway
from gateway.documents import ORDERS
from gateway.rest import analytics, description, drops, live, notifications, orders, people, products, searching
from gateway.rest.messages import problem

__all__ = ["label_of", "make_blueprint", "problem"]


def label_of(endpoint: str, method: str) -> str:
    """What a request to an address is counted as: "read.get_order". Pages, health checks and what is nowhere are "other"."""
    blueprint, _, name = endpoint.rpartition(".")
    if blueprint != "rest":
        return f"other.{name}"
    if name in ORDERS:
        return f"order.{name}"
    return f"read.{name}" if method in ("GET", "HEAD") else f"write.{name}"


def make_blueprint(gateway: Gateway) -> Blueprint:
    rest = Blueprint("rest", __name__)
    orders.add_routes(rest, gateway)
    people.add_routes(rest, gateway)
    products.add_routes(rest, gateway)
    drops.add_routes(rest, gateway)
    searching.add_routes(rest, gateway)
    notifications.add_routes(rest, gateway)
    analytics.add_routes(rest, gateway)
    live.add_routes(rest, gateway)
    description.add_routes(rest, gateway)
    return rest
