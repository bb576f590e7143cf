"""Lists that are asked for by page and limit, or by cursor."""

from typing import Any

from flask import Response

from gateway import inputs
from gateway.context import RequestContext
from gateway.documents import DEFAULT_PAGE, OBJECTS_A_POINT
from gateway.rest import messages

PARAMETERS = {"page", "limit", "after"}


def page_asked(context: RequestContext, asked: dict[str, str]) -> inputs.Page:
    """The page that a query string asks for. Costs more for many things."""
    page = inputs.numbered_page(asked.get("limit", DEFAULT_PAGE), asked.get("after"), asked.get("page"))
    context.charge(page.first // OBJECTS_A_POINT)
    return page


def answer(name: str, items: list[dict[str, Any]], next: str | None, asked: dict[str, str], page: inputs.Page) -> Response:
    """The page, with the address of the next one."""
    body = {name: items, "page": page.number, "limit": page.first, "next": next}
    return messages.answer(body, headers=messages.link_to_next(asked, next))
