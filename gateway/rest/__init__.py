"""REST: the same use cases as GraphQL, with problem+json errors (RFC 9457)."""

from flask import Blueprint

from gateway.context import Gateway
from gateway.rest import analytics, description, drops, live, notifications, orders, people, products, searching
from gateway.rest.messages import problem

__all__ = ["make_blueprint", "problem"]


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
