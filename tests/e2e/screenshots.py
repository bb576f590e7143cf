"""Photographs of the shop for docs/screenshots: python -m tests.e2e.screenshots

Starts the test stack, stocks a shop, and photographs its pages in Debian's Chromium.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from gateway.tokens import Tokens
from services.contracts.products import Products
from services.contracts.users import User, Users
from services.kernel.metrics import Metrics
from services.kernel.rpc_client import RpcClient
from stack.api import Stack
from stack.install import provide
from stack.progress import to_stdout
from tests.conftest import SETTINGS, eventually
from tests.e2e.browsing import DESKTOP, PHONE, Visitor
from tests.e2e.conftest import launch
from tests.e2e.stocking import Shop, Stockroom

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
# Small enough to be kept with the code.
LARGEST_BYTES = 150_000
_GOODS = (
    ("Ada Ceramics", "Moon jar, celadon", 8_900, ("ceramics",)),
    ("Ada Ceramics", "Tea bowl, ash glaze", 5_400, ("ceramics", "tea")),
    ("Pixel Press", "Riso print: Harbour at night", 3_500, ("prints",)),
    ("Pixel Press", "Letterpress calendar", 2_800, ("prints", "paper")),
    ("Studio Kern", "Desk lamp No. 4", 18_900, ("light",)),
    ("Studio Kern", "Wool throw, indigo", 12_500, ("textile",)),
)


@dataclass(frozen=True)
class Photograph:
    """email: of who looks, empty for anybody."""

    name: str
    path: str
    email: str = ""
    size: tuple[int, int] = DESKTOP
    scheme: Literal["light", "dark"] = "light"
    # Of this drop something is sold meanwhile.
    sells: str = ""


def photographs(shop: Shop) -> list[Photograph]:
    drop, desk_drop = f"/drops/{shop.live}", f"/desk/drops/{shop.live}"
    return [
        Photograph("home", "/"),
        Photograph("home-phone-dark", "/", size=PHONE, scheme="dark"),
        Photograph("search", "/search?q=prints"),
        Photograph("drop", drop, shop.fan.email),
        Photograph("drop-phone", drop, shop.fan.email, PHONE),
        Photograph("drop-coming-phone-dark", f"/drops/{shop.coming}", shop.fan.email, PHONE, "dark"),
        Photograph("creator", f"/creators/{shop.creator.id}", shop.fan.email, scheme="dark"),
        Photograph("inbox-phone", "/inbox", shop.fan.email, PHONE),
        Photograph("orders", "/orders", shop.fan.email),
        Photograph("desk", "/desk", shop.creator.email),
        Photograph("desk-drop", desk_drop, shop.creator.email, scheme="dark", sells=shop.live),
        Photograph("desk-new-phone", "/desk/new", shop.creator.email, PHONE),
        Photograph("sign-up-phone", "/sign-up", size=PHONE),
    ]


@contextmanager
def stockroom() -> Iterator[Stockroom]:
    os.environ.update(SETTINGS)
    stack = Stack.of_profile("test")
    stack.up(progress=to_stdout)
    metrics = Metrics()
    client = RpcClient(stack.environment("operations")["LIVEDROPS_BROKER_URL"], "screenshots", metrics)
    client.start()
    client.wait_open(10)
    tokens = Tokens(stack.environment("gateway")["LIVEDROPS_JWT_KEY"], "livedrops", 900)
    yield Stockroom(stack.address("ingress"), tokens, client.service("users", Users), client.service("products", Products))
    client.stop()
    metrics.stop()


def fill_shelves(room: Stockroom) -> None:
    """What else there is. A shop with one thing in it looks like one that closes."""
    creators: dict[str, User] = {}
    for number, (name, thing, cents, tags) in enumerate(_GOODS):
        creator = creators.get(name) or creators.setdefault(name, room.creator(name))
        product = room.product(creator, thing, number + 2, cents, tags)
        starts_in = timedelta(seconds=-5) if number % 3 else timedelta(hours=1 + number)
        room.drop(product, starts_in, units=20 * (number + 1))


def take(browser: Browser, room: Stockroom, wanted: Photograph) -> None:
    context = browser.new_context(
        viewport={"width": wanted.size[0], "height": wanted.size[1]},
        color_scheme=wanted.scheme,
        reduced_motion="reduce",
        timezone_id="UTC",
        locale="en-GB",
    )
    visitor = Visitor(context, room.address)
    if wanted.email:
        visitor.sign_in(wanted.email)
    page = visitor.open(wanted.path)
    expect(page.locator("main .lines:visible, main .card.waiting")).to_have_count(0)
    if wanted.sells:
        sell(room, wanted.sells, page)
    page.wait_for_load_state("load")
    # Loaded is not drawn yet.
    page.evaluate(
        "Promise.all([...document.images].filter((one) => one.getBoundingClientRect().top < innerHeight).map((one) => one.decode()))"
    )
    expect(page.locator(".notice")).to_have_count(0)
    keep(wanted.name, page.screenshot())
    context.close()


def sell(room: Stockroom, drop_id: str, page: Page) -> None:
    """Some units, a few at a time, each seen on the page before the next."""
    sold = 3
    for quantity in (1, 4, 2, 4, 4, 3, 1, 4, 4, 2, 4, 4):
        room.stranger().buy(drop_id, quantity)
        sold += quantity
        expect(page.get_by_role("figure")).to_contain_text(f"{sold} units of")


def keep(name: str, png: bytes) -> None:
    """As WebP, as good as fits."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in (90, 80, 65, 50):
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=quality, method=6)
        if buffer.tell() <= LARGEST_BYTES:
            break
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.webp").write_bytes(buffer.getvalue())
    to_stdout(f"{name}.webp, {buffer.tell() // 1000} KB")


def main() -> None:
    with stockroom() as room, sync_playwright() as playwright:
        fill_shelves(room)
        shop = room.shop("Nora Noctis")
        browser = launch(playwright, provide(["chromium"], to_stdout)["chromium"])
        eventually(lambda: room.is_found(shop.product.id), timeout_s=60)
        for wanted in photographs(shop):
            take(browser, room, wanted)
        browser.close()


if __name__ == "__main__":
    main()
