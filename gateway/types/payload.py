"""Payloads of mutations that answer one thing: what came of the wish, or what is wrong with it."""

from collections.abc import Callable
from typing import Any

from gateway import errors
from gateway.context import RequestContext
from services.contracts.errors import LiveDropsError


def payload_of(context: RequestContext, name: str, do: Callable[[], Any]) -> dict[str, Any]:
    """What it came to, under this name. Raises what is no answer but a failure of the request."""
    context.require_viewer()
    try:
        return {name: do(), "userErrors": []}
    except LiveDropsError as error:
        return {name: None, "userErrors": errors.user_errors(error)}
