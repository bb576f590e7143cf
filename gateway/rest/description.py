"""What REST can do, as a document for programs."""

from flask import Blueprint, Response, g

from gateway import openapi
from gateway.context import Gateway, RequestContext
from gateway.rest import messages


def add_routes(rest: Blueprint, gateway: Gateway) -> None:
    @rest.get("/openapi.json")
    def describe() -> Response:
        """The OpenAPI document."""
        RequestContext(gateway, g.visit).charge(1)
        return messages.answer(openapi.document())
