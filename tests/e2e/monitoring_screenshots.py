"""Photographs of the dashboards for docs/screenshots, while something is sold: python -m tests.e2e.monitoring_screenshots [nomad]

Beside the test stack, or on the mesh that `make nomad` has started.
"""

import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Literal

from playwright.sync_api import Browser, expect, sync_playwright

from gateway.tokens import Tokens
from services.contracts.products import Products
from services.contracts.users import Users
from services.kernel.metrics import Metrics
from stack.api import Stack
from stack.install import provide
from stack.monitoring import Monitoring
from stack.nomad.mesh import Mesh
from stack.progress import to_stdout
from tests.e2e.browsing import DESKTOP, PHONE
from tests.e2e.conftest import launch
from tests.e2e.screenshots import keep, stockroom
from tests.e2e.stocking import Stockroom
from tests.meshes import operations_of

BUYERS = 6
# Long enough for courses that show something.
SOLD_FOR_S = 100
_BOARDS: tuple[tuple[str, str, tuple[int, int], Literal["light", "dark"]], ...] = (
    ("glance", "glance", DESKTOP, "light"),
    ("sale", "sale", DESKTOP, "light"),
    ("queues-dark", "queues", DESKTOP, "dark"),
    ("glance-phone", "glance", PHONE, "light"),
)


@contextmanager
def crowd(room: Stockroom, drop_ids: list[str]) -> Iterator[None]:
    """People who look around and buy, for the block."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.03):
            # Each may buy four of a drop.
            somebody = room.stranger()
            somebody.buy(random.choice(drop_ids))
            for path in ("/drops?limit=5", "/products?page=1&limit=5"):
                somebody.get(path)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(BUYERS)]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join(30)


def take(browser: Browser, address: str, name: str, board: str, size: tuple[int, int], scheme: Literal["light", "dark"]) -> None:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, locale="en-GB", timezone_id="UTC")
    page.goto(f"{address}#{board}")
    page.get_by_label("Last").select_option("300")
    expect(page.locator("#state")).to_contain_text("as of")
    expect(page.locator(".panel svg").first).to_be_visible()
    keep(f"monitoring-{name}", page.screenshot())
    page.close()


@contextmanager
def beside_the_stack() -> Iterator[tuple[Stockroom, str]]:
    """For the block: where one sells, and the dashboards' address."""
    with stockroom() as room:
        monitoring = Monitoring.of_profile("test")
        monitoring.up(to_stdout)
        yield room, monitoring.dashboards
        monitoring.down()
    Stack.of_profile("test").down(to_stdout)


@contextmanager
def on_nomad() -> Iterator[tuple[Stockroom, str]]:
    mesh = Mesh.of_clone()
    with operations_of(mesh, Metrics()) as client:
        tokens = Tokens(mesh.parts.wiring.credentials.jwt_key, "livedrops", 900)
        yield Stockroom(mesh.address(), tokens, client.service("users", Users), client.service("products", Products)), mesh.dashboards


def main(place: str) -> None:
    with on_nomad() if place == "nomad" else beside_the_stack() as (room, dashboards), sync_playwright() as playwright:
        creator = room.creator("Ada Ceramics")
        drops = [
            room.drop(room.product(creator, f"Tea bowl {units}", number, 5_400, ("tea",)), timedelta(seconds=-5), units=units)
            for number, units in enumerate((10_000, 300, 60))
        ]
        browser = launch(playwright, provide(["chromium"], to_stdout)["chromium"])
        with crowd(room, drops):
            threading.Event().wait(SOLD_FOR_S)
            for board in _BOARDS:
                take(browser, dashboards, *board)
        browser.close()


if __name__ == "__main__":
    main("".join(sys.argv[1:]))
