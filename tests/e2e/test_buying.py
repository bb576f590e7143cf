"""Buying when things go wrong: lost answers, reloads, other tabs, no mouse."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from playwright.sync_api import Page, Route, expect

from services.contracts.users import User
from tests.conftest import Person
from tests.e2e.browsing import PHONE, Visitor
from tests.e2e.stocking import Shop, Stockroom


class LostAnswers:
    """Loses so many answers to orders: the gateway has them, the browser never does. keys: of all that were sent."""

    def __init__(self, page: Page, count: int) -> None:
        self.left = count
        self.keys: list[str] = []
        page.route("**/graphql", self._answer)

    def _answer(self, route: Route) -> None:
        body = json.loads(route.request.post_data or "{}")
        if "placeOrder" not in body["query"]:
            return route.continue_()
        self.keys.append(body["variables"]["input"]["idempotencyKey"])
        if not self.left:
            return route.continue_()
        self.left -= 1
        route.fetch()
        return route.abort("connectionreset")


def a_fan(stockroom: Stockroom) -> tuple[User, Person]:
    fan = stockroom.somebody("Fia Fan")
    return fan, stockroom.signed_in(fan)


def sold(person: Person, drop_id: str) -> int:
    answer = person.graphql("query($id:ID!){drop(id:$id){stock{sold held}}}", {"id": drop_id}).json()
    stock = answer["data"]["drop"]["stock"]
    return int(stock["sold"] + stock["held"])


def test_lost_answers_make_one_order(visitor: Callable[..., Visitor], stockroom: Stockroom, shop: Shop) -> None:
    drop = stockroom.drop(shop.product, timedelta(seconds=-5))
    fan, person = a_fan(stockroom)
    somebody = visitor()
    somebody.sign_in(fan.email)
    page = somebody.open(f"/drops/{drop}")
    lost = LostAnswers(page, 2)
    page.get_by_role("button", name="Buy for").click()
    expect(page.get_by_text("It is yours")).to_be_visible()
    assert (len(lost.keys), len(set(lost.keys))) == (3, 1)
    assert sold(person, drop) == 1
    page.get_by_role("button", name="Buy for").click()
    expect(page.get_by_text("It is yours")).to_be_visible()
    assert len(set(lost.keys)) == 2, "a new wish has a new key"


def test_a_wish_outlives_a_reload(visitor: Callable[..., Visitor], stockroom: Stockroom, shop: Shop) -> None:
    drop = stockroom.drop(shop.product, timedelta(seconds=-5))
    fan, person = a_fan(stockroom)
    somebody = visitor()
    somebody.sign_in(fan.email)
    page = somebody.open(f"/drops/{drop}")
    lost = LostAnswers(page, 1_000)
    page.get_by_label("Quantity").select_option("2")
    page.get_by_role("button", name="Buy for").click()
    expect(page.get_by_text("Many are buying")).to_be_visible()
    page.unroute_all(behavior="ignoreErrors")
    again = LostAnswers(page, 0)
    page.reload()
    expect(page.get_by_text("It is yours")).to_be_visible()
    assert set(again.keys) == set(lost.keys)
    assert sold(person, drop) == 2


def test_a_purchase_by_keyboard_alone(visitor: Callable[..., Visitor], stockroom: Stockroom, shop: Shop) -> None:
    drop = stockroom.drop(shop.product, timedelta(seconds=-5))
    fan, person = a_fan(stockroom)
    page = visitor().open(f"/drops/{drop}")
    reach(page, "button", "Sign in to buy")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Sign in")).to_be_focused()
    for text in (fan.email, "correct horse battery"):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=shop.product.name)).to_be_focused()
    reach(page, "button", "Buy for")
    page.keyboard.press("Space")
    expect(page.get_by_text("It is yours")).to_be_visible()
    expect(page.get_by_role("button", name="Buy for")).to_be_focused()
    assert sold(person, drop) == 1


def reach(page: Page, role: Any, name: str) -> None:
    """Press Tab until there, as somebody without a mouse does."""
    wanted = page.get_by_role(role, name=name)
    expect(wanted).to_be_visible()
    for _ in range(40):
        if wanted.evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} can't be reached by keyboard")


def test_refusals_say_what_they_are(visitor: Callable[..., Visitor], stockroom: Stockroom, shop: Shop) -> None:
    drop = stockroom.drop(shop.product, timedelta(seconds=-5), units=3, limit=2)
    fan, _ = a_fan(stockroom)
    somebody = visitor(PHONE)
    somebody.sign_in(fan.email)
    page = somebody.open(f"/drops/{drop}")
    buy = page.get_by_role("button", name="Buy for")
    page.get_by_label("Quantity").select_option("2")
    buy.click()
    expect(page.get_by_text("It is yours")).to_be_visible()
    buy.click()
    expect(page.get_by_text("You have your share")).to_be_visible()
    other, _ = a_fan(stockroom)
    late = visitor(PHONE)
    late.sign_in(other.email)
    page = late.open(f"/drops/{drop}")
    page.get_by_label("Quantity").select_option("2")
    page.get_by_role("button", name="Buy for").click()
    expect(page.get_by_text("Not that many are left")).to_be_visible()


def test_two_tabs_share_a_session_and_use_each_token_once(visitor: Callable[..., Visitor], shop: Shop) -> None:
    somebody = visitor()
    somebody.sign_in(shop.fan.email)
    used: list[str] = []

    def note(route: Route) -> None:
        body = json.loads(route.request.post_data or "{}")
        if "refresh(" in body["query"]:
            used.append(body["variables"]["input"]["refreshToken"])
        route.continue_()

    somebody.context.route("**/graphql", note)
    tabs = [somebody.page, somebody.tab(), somebody.tab()]
    for page in tabs:
        page.goto(f"{somebody.address}/orders")
        expect(page.get_by_role("link", name=shop.product.name).first).to_be_visible()
    for page in tabs:
        page.evaluate("sessionStorage.removeItem('livedrops.access')")
    for page in tabs:
        page.reload(wait_until="commit")
    for page in tabs:
        expect(page.get_by_role("link", name=shop.product.name).first).to_be_visible()
    assert len(used) == len(set(used)) == 5
    tabs[0].get_by_role("button", name="Sign out").click()
    for page in tabs[1:]:
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_without_a_stream_the_page_asks(visitor: Callable[..., Visitor], stockroom: Stockroom, shop: Shop) -> None:
    drop = stockroom.drop(shop.product, timedelta(seconds=-5), units=7)
    _, person = a_fan(stockroom)
    somebody = visitor()
    somebody.context.route("**/live?**", lambda route: route.fulfill(status=503))
    page = somebody.open(f"/drops/{drop}")
    expect(page.get_by_text("7 of 7 left")).to_be_visible()
    assert person.buy(drop, 3).json()["data"]["placeOrder"]["order"]
    expect(page.get_by_text("4 of 7 left")).to_be_visible()
