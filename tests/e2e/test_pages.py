"""Every page: for everybody, on every screen, within the rules."""

from collections.abc import Callable
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from graphql import GraphQLError
from playwright.sync_api import Error, Page, expect

from gateway.documents import Documents
from gateway.schema import load_schema
from gateway.settings import GatewaySettings
from tests.e2e.browsing import DESKTOP, PHONE, SMALLEST, Visitor
from tests.e2e.stocking import Shop

# All of axe's rules but its experimental ones. In the dark only colours are others.
RULES = {
    "light": {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}},
}
Pages = dict[str, list[str]]


def pages_of(shop: Shop) -> Pages:
    """By who sees them."""
    return {
        "": [
            "/",
            "/search?q=night",
            "/search?q=nothing+fits+this",
            *(f"/drops/{id}" for id in (shop.live, shop.coming, shop.over)),
            f"/drops/{shop.fan.id}",
            f"/creators/{shop.creator.id}",
            f"/creators/{shop.live}",
            "/sign-in",
            "/sign-up",
        ],
        shop.fan.email: ["/orders", "/inbox", "/desk", f"/drops/{shop.live}"],
        shop.creator.email: ["/desk", "/desk/new", f"/desk/products/{shop.product.id}", f"/desk/drops/{shop.live}", "/orders", "/inbox"],
    }


def opened(visitor: Visitor, path: str) -> Page:
    """A page with all of it unfolded."""
    page = visitor.open(path)
    page.locator("main details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    expect(page.locator("main .lines")).to_have_count(0)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_nothing_shuts_anybody_out(
    scheme: Literal["light", "dark"], size: tuple[int, int], visitor: Callable[..., Visitor], shop: Shop
) -> None:
    found: list[Any] = []
    for email, paths in pages_of(shop).items():
        somebody = visitor(size, color_scheme=scheme, reduced_motion="reduce")
        if email:
            somebody.sign_in(email)
        for path in paths:
            violations = Axe().run(opened(somebody, path), options=RULES[scheme]).response["violations"]
            found += [(path, rule["id"], node["html"][:200], node["failureSummary"]) for rule in violations for node in rule["nodes"]]
    assert found == []


def test_no_page_is_wider_than_the_smallest_screen(visitor: Callable[..., Visitor], shop: Shop) -> None:
    for email, paths in pages_of(shop).items():
        somebody = visitor(SMALLEST)
        if email:
            somebody.sign_in(email)
        for path in paths:
            width = opened(somebody, path).evaluate("document.documentElement.scrollWidth")
            assert width <= SMALLEST[0], path


def test_the_policy_holds_and_a_breach_is_heard_of(visitor: Callable[..., Visitor]) -> None:
    somebody = visitor()
    page = somebody.open("/sign-in")
    page.evaluate("document.head.append(Object.assign(document.createElement('style'), { textContent: 'main { color: red }' }))")
    page.evaluate("document.body.append(Object.assign(new Image(), { src: 'https://elsewhere.example/x.png' }))")
    with pytest.raises(Error, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<b>text</b>'")
    page.wait_for_function("document.images.length === 1")
    broken = {
        directive for directive in ("style-src", "img-src", "require-trusted-types-for") for one in somebody.problems if directive in one
    }
    assert broken == {"style-src", "img-src", "require-trusted-types-for"}
    somebody.problems.clear()


def test_every_question_of_the_page_is_within_the_bounds(visitor: Callable[..., Visitor]) -> None:
    page = visitor().open("/sign-in")
    address = page.locator("script[type=module]").get_attribute("src")
    questions: dict[str, str] = page.evaluate("(address) => import(address)", str(address).replace("main.js", "queries.js"))
    assert len(questions) > 30
    defaults = {name: field.default for name, field in GatewaySettings.model_fields.items()}
    documents = Documents(load_schema(), GatewaySettings.model_construct(**defaults))
    errors: dict[str, list[GraphQLError]] = {name: documents.prepare(text).errors for name, text in questions.items()}
    assert {name: found for name, found in errors.items() if found} == {}
    assert max(documents.prepare(text).points for text in questions.values()) <= 20
