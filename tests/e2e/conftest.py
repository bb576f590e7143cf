"""The shop's page in Debian's Chromium, driven by Playwright."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from gateway.tokens import Tokens
from services.contracts.products import Products
from services.contracts.users import Users
from stack.install import provide
from stack.progress import silent
from tests.conftest import elasticsearch_url_of
from tests.e2e.browsing import DESKTOP, Visitor
from tests.e2e.stocking import Shop, Stockroom

# Nothing that is not the page's own: no updates, no experiments, no sync.
_ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def launch(playwright: Playwright, program: Path) -> Browser:
    return playwright.chromium.launch(executable_path=program, chromium_sandbox=False, args=list(_ARGUMENTS))


# Closed when the folder's tests are done: Playwright keeps an event loop in this thread, beside which no other can run.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One process, with an empty profile of its own."""
    program = provide(["chromium"], silent)["chromium"]
    with sync_playwright() as playwright:
        started = launch(playwright, program)
        yield started
        started.close()


@pytest.fixture
def visitor(browser: Browser, address: str) -> Iterator[Callable[..., Visitor]]:
    """A new person at a browser; keywords are Playwright's for a context. At the end no page may have done wrong."""
    made: list[Visitor] = []

    def make(size: tuple[int, int] = DESKTOP, **options: Any) -> Visitor:
        view = {"width": size[0], "height": size[1]}
        context = browser.new_context(viewport=view, timezone_id="UTC", locale="en-GB", **options)  # type: ignore[arg-type]
        made.append(Visitor(context, address))
        return made[-1]

    yield make
    problems = [problem for one in made for problem in one.problems]
    for one in made:
        one.context.close()
    assert problems == []


@pytest.fixture(scope="session")
def found(stack: Any) -> str:
    """For tests that search: the engine's address, or the test is skipped."""
    return elasticsearch_url_of(stack)


@pytest.fixture(scope="session")
def stockroom(address: str, tokens: Tokens, users: Users, products: Products) -> Stockroom:
    return Stockroom(address, tokens, users, products)


@pytest.fixture(scope="session")
def shop(stockroom: Stockroom) -> Shop:
    """Tests leave it as it is, but for what is bought of it."""
    return stockroom.shop("Carla Creator")
