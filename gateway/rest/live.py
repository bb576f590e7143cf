"""The way into GET /live, which the live unit answers."""

from flask import Blueprint, Response

from gateway import live_tickets
from gateway.context import Gateway
from gateway.rest import messages


def add_routes(rest: Blueprint, gateway: Gateway) -> None:
    @rest.post("/live/ticket")
    def create_live_ticket() -> Response:
        """Opens a live stream from where no header can be sent."""
        return messages.answer(live_tickets.issue(messages.signed_in(gateway, "createLiveTicket")))
