"""From a creator's first visit to a fan's confirmation."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.browsing import Visitor, typed

NAME = "Night Runner, first edition"


def picture(folder: Path) -> Path:
    """A photograph's worth of pixels."""
    file = folder / "shoe.jpg"
    made = Image.effect_noise((1200, 900), 60).convert("RGB")
    buffer = io.BytesIO()
    made.save(buffer, "JPEG")
    file.write_bytes(buffer.getvalue())
    return file


def make_product(creator: Visitor, file: Path) -> Page:
    page = creator.open("/desk")
    page.get_by_role("button", name="Become a creator").click()
    page.get_by_role("link", name="New product").click()
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Description").fill("Runs by night.")
    page.get_by_label("Price").fill("49.50")
    page.get_by_label("Tags").fill("shoes, night")
    page.get_by_label("Picture").set_input_files(file)
    expect(page.get_by_role("img", name="Your picture: shoe.jpg")).to_be_visible()
    page.get_by_role("button", name="Create product").click()
    expect(page.get_by_role("heading", name=NAME, level=1)).to_be_visible()
    return page


def schedule(page: Page, starts_at: datetime, units: int) -> str:
    """The address of the new drop."""
    page.get_by_label("Starts").fill(typed(starts_at))
    page.get_by_label("Units").fill(str(units))
    page.get_by_role("button", name="Schedule drop").click()
    link = page.get_by_role("link", name="See it as your fans do")
    expect(link).to_be_visible()
    return str(link.get_attribute("href"))


def test_a_creator_sells_one_unit_and_a_fan_gets_it(visitor: Callable[..., Visitor], tmp_path: Path) -> None:
    creator, fan, late = visitor(), visitor(), visitor()
    creator.sign_up("Carla Creator")
    fan.sign_up("Fia Fan")
    late.sign_up("Lou Late")
    desk = make_product(creator, picture(tmp_path))
    drop = schedule(desk, datetime.now(UTC) + timedelta(seconds=5), 1)

    for one in (fan, late):
        one.open(drop)
        expect(one.page.get_by_role("heading", name=NAME, level=1)).to_be_visible()
    fan.page.get_by_role("button", name="Follow Carla Creator").click()
    expect(fan.page.get_by_role("button", name="Following Carla Creator")).to_be_visible()
    expect(fan.page.get_by_role("button", name="Not on sale yet")).to_be_visible()
    expect(fan.page.get_by_role("button", name="Remind me")).to_be_visible()

    # It starts without anybody loading the page anew.
    fan.page.get_by_role("button", name="Buy for €49.50").click()
    expect(fan.page.get_by_text("It is yours")).to_be_visible()
    expect(late.page.get_by_role("button", name="Sold out")).to_be_visible()
    expect(late.page.get_by_text("None left")).to_be_visible()
    expect(desk.get_by_role("figure")).to_contain_text("1 unit of 1 sold")

    expect(fan.page.get_by_role("link", name="Inbox (")).to_be_visible()
    fan.page.get_by_role("link", name="Inbox").click()
    expect(fan.page.get_by_role("link", name=f"Yours: 1 \N{MULTIPLICATION SIGN} {NAME}")).to_be_visible()
    expect(fan.page.get_by_role("link", name=f"{NAME} is on sale")).to_be_visible()
    fan.page.get_by_role("button", name="Mark all as read").click()
    expect(fan.page.get_by_role("link", name="Inbox", exact=True)).to_be_visible()
    fan.page.get_by_role("link", name="Orders").click()
    expect(fan.page.get_by_role("link", name=NAME)).to_be_visible()
