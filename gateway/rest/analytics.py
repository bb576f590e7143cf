"""Analytics over REST, for the creator of what is counted, and for operators."""

from flask import Blueprint, Response

from gateway import analytics
from gateway.context import Gateway
from gateway.rest import messages
from services.contracts.analytics import Grain


def add_routes(rest: Blueprint, gateway: Gateway) -> None:
    @rest.get("/analytics")
    def get_analytics() -> Response:
        """Counts of a drop or a creator, or of all together, by minute or hour."""
        context = messages.signed_in(gateway, "analytics")
        asked = messages.query({"drop_id", "creator_id", "grain", "since", "until"})
        asked["grain"] = asked.get("grain", Grain.MINUTE.value).upper()
        return messages.answer(analytics.series(context, asked))
