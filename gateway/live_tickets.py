"""Tickets for live streams: what GraphQL and REST do alike."""

from typing import Any

from gateway.context import RequestContext


def issue(context: RequestContext) -> dict[str, Any]:
    """For the signed-in person. Raises Unauthenticated."""
    ticket, life_s = context.gateway.tokens.issue_ticket(context.require_sign_in())
    return {"ticket": ticket, "expiresIn": life_s}
