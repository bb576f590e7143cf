"""The page on a live stream: told instead of asking, and losing nothing when the line breaks."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from stack.api import Stack
from stack.units import unit_of
from tests.e2e.browsing import Visitor
from tests.e2e.stocking import Shop, Stockroom

pytestmark = pytest.mark.skipif(unit_of("live") is None, reason="this system has no live streams")
ASKING = ("DropStock", "News")


def with_stream(somebody: Visitor, path: str) -> Page:
    """A page whose stream has begun: it has a ticket in its address, if anybody is signed in, and nothing else that is secret."""
    with somebody.page.expect_response(lambda response: "/live?" in response.url and response.status == 200):
        return somebody.open(path)


def names_asked(page: Page) -> list[str]:
    """Names of the operations that the page sends from now on."""
    asked: list[str] = []

    def note(body: str | None) -> None:
        query = json.loads(body or "{}").get("query", "")
        asked.append(query.split("(")[0].split("{")[0].split()[-1])

    page.on("request", lambda request: note(request.post_data) if request.url.endswith("/graphql") else None)
    return asked


def test_the_page_is_told_and_does_not_ask(visitor: Callable[..., Visitor], stockroom: Stockroom, shop: Shop) -> None:
    drop, fan = stockroom.drop(shop.product, timedelta(seconds=-5), units=9), stockroom.somebody("Lia Listener")
    somebody = visitor()
    somebody.sign_in(fan.email)
    page = with_stream(somebody, f"/drops/{drop}")
    asked = names_asked(page)
    expect(page.get_by_text("9 of 9 left")).to_be_visible()
    assert stockroom.signed_in(fan).buy(drop, 2).json()["data"]["placeOrder"]["order"]
    expect(page.get_by_text("7 of 9 left")).to_be_visible()
    expect(page.get_by_role("link", name="Inbox (1 unread notification)")).to_be_visible()
    assert stockroom.stranger().buy(drop, 1).json()["data"]["placeOrder"]["order"]
    expect(page.get_by_text("6 of 9 left")).to_be_visible()
    assert [name for name in asked if name in ASKING] == []


def test_a_broken_stream_loses_nothing(visitor: Callable[..., Visitor], stack: Stack, stockroom: Stockroom, shop: Shop) -> None:
    drop, fan = stockroom.drop(shop.product, timedelta(seconds=-5), units=9), stockroom.somebody("Bea Broken")
    somebody = visitor()
    somebody.sign_in(fan.email)
    page = with_stream(somebody, f"/drops/{drop}")
    # From before the end of the old one: the new one may be there at once.
    with page.expect_response(lambda response: "/live?" in response.url and response.status == 200, timeout=60_000):
        stack.kill("live")
        assert stockroom.signed_in(fan).buy(drop, 2).json()["data"]["placeOrder"]["order"]
        expect(page.get_by_text("7 of 9 left")).to_be_visible()
        expect(page.get_by_role("link", name="Inbox (1 unread notification)")).to_be_visible()
    assert stockroom.stranger().buy(drop, 1).json()["data"]["placeOrder"]["order"]
    expect(page.get_by_text("6 of 9 left")).to_be_visible()
    expect(page.get_by_role("link", name="Inbox (1 unread notification)")).to_be_visible()
