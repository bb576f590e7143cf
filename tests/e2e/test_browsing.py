"""Finding things, and keeping up with them."""

import uuid
from collections.abc import Callable
from datetime import timedelta

from playwright.sync_api import expect

from tests.conftest import eventually
from tests.e2e.browsing import PHONE, Visitor
from tests.e2e.stocking import Shop, Stockroom


def test_a_word_is_searched_while_it_is_typed(visitor: Callable[..., Visitor], stockroom: Stockroom, found: str) -> None:
    word = f"zq{uuid.uuid4().hex[:10]}"
    creator = stockroom.creator("Sela Search")
    shirt = stockroom.product(creator, f"Shirt {word}", 3, tags=(word, "cotton"))
    hat = stockroom.product(creator, f"Hat {word}", 4, tags=(word,))
    drop = stockroom.drop(shirt, timedelta(seconds=-5))
    eventually(lambda: stockroom.is_found(shirt.id) and stockroom.is_found(hat.id), timeout_s=60)
    page = visitor().open("/")
    page.get_by_label("Search products").press_sequentially(word, delay=20)
    results = page.get_by_role("region", name="Search results")
    expect(results.get_by_role("article")).to_have_count(3)
    # Live ones first.
    expect(results.get_by_role("link").first).to_have_attribute("href", f"/drops/{drop}")
    expect(page.get_by_label("Search products")).to_be_focused()
    page.get_by_role("checkbox", name="Products").check()
    expect(results.get_by_role("article")).to_have_count(2)
    page.get_by_role("checkbox", name="cotton").check()
    expect(results.get_by_role("article")).to_have_count(1)
    # It can be sent to somebody.
    page.reload()
    expect(results.get_by_role("article")).to_have_count(1)
    expect(page.get_by_role("checkbox", name="cotton")).to_be_checked()
    page.get_by_role("button", name="Clear all filters").click()
    expect(results.get_by_role("article")).to_have_count(3)
    page.get_by_label("Search products").fill(f"{word}{word}")
    expect(results.get_by_text("Nothing fits")).to_be_visible()


def test_a_list_goes_on(visitor: Callable[..., Visitor], stockroom: Stockroom) -> None:
    creator = stockroom.creator("Mia Many")
    product = stockroom.product(creator, "A poster", 5)
    drops = {stockroom.drop(product, timedelta(hours=number + 1)) for number in range(14)}
    page = visitor().open(f"/creators/{creator.id}")
    cards = page.get_by_role("region", name="Drops").get_by_role("link")
    expect(cards).to_have_count(12)
    page.get_by_role("button", name="Load more").click()
    expect(cards).to_have_count(14)
    assert {str(link.get_attribute("href")).rpartition("/")[2] for link in cards.all()} == drops


def test_a_link_is_followed_and_gone_back_from(visitor: Callable[..., Visitor], shop: Shop) -> None:
    page = visitor().open(f"/creators/{shop.creator.id}")
    page.evaluate("window.isTheSamePage = true")
    page.get_by_role("region", name="Drops").get_by_role("link").first.click()
    expect(page.get_by_role("heading", name=shop.product.name)).to_be_focused()
    page.go_back()
    expect(page.get_by_role("heading", name="Carla Creator")).to_be_focused()
    assert page.evaluate("window.isTheSamePage")


def test_an_order_is_given_back(visitor: Callable[..., Visitor], stockroom: Stockroom, shop: Shop) -> None:
    drop, fan = stockroom.drop(shop.product, timedelta(seconds=-5), units=5), stockroom.somebody("Gus Giver")
    person = stockroom.signed_in(fan)
    assert person.buy(drop, 2).json()["data"]["placeOrder"]["order"]
    eventually(lambda: person.graphql("{myOrders{edges{node{id}}}}").json()["data"]["myOrders"]["edges"])
    somebody = visitor(PHONE)
    somebody.sign_in(fan.email)
    page = somebody.open("/orders")
    page.get_by_role("button", name="Cancel the order").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the order").click()
    expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()
    page.goto(f"{somebody.address}/drops/{drop}")
    expect(page.get_by_text("5 of 5 left")).to_be_visible()


def test_what_somebody_is_told_is_theirs_to_say(visitor: Callable[..., Visitor], stockroom: Stockroom, shop: Shop) -> None:
    fan = stockroom.somebody("Pia Picky")
    stockroom.users.follow(user_id=fan.id, creator_id=shop.creator.id)
    somebody = visitor(PHONE)
    somebody.sign_in(fan.email)
    for was in (True, False):
        page = somebody.open("/inbox")
        page.get_by_text("What you are told").click()
        boxes = [page.get_by_role("checkbox", name=name) for name in ("Little is left: E-mail", shop.creator.display_name)]
        for box in boxes:
            expect(box).to_be_checked(checked=was)
            box.set_checked(not was)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.")).to_be_visible()


def test_a_reminder_is_asked_for_and_forgotten(visitor: Callable[..., Visitor], stockroom: Stockroom, shop: Shop) -> None:
    somebody = visitor(PHONE)
    somebody.sign_in(stockroom.somebody("Rita Reminded").email)
    page = somebody.open(f"/drops/{shop.coming}")
    page.get_by_role("button", name="Remind me").click()
    expect(page.get_by_role("button", name="You will be reminded")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="You will be reminded").click()
    expect(page.get_by_role("button", name="Remind me")).to_be_visible()


def test_a_destination_elsewhere_is_not_gone_to(visitor: Callable[..., Visitor], shop: Shop) -> None:
    somebody = visitor()
    page = somebody.open("/sign-in?then=//evil.example/")
    page.get_by_label("E-mail").fill(shop.fan.email)
    page.get_by_label("Password").fill("correct horse battery")
    page.locator("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert page.url == f"{somebody.address}/"
