"""A creator at the desk: uploads over broken lines, and drops that change."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.e2e.browsing import PHONE, Visitor, typed
from tests.e2e.stocking import Shop, Stockroom
from tests.integration.uploading import image

PIECE = 8 * 1024 * 1024


class BrokenLine:
    """Breaks these PATCHes, counted from 0. offsets: of all that were begun."""

    def __init__(self, page: Page, *broken: int) -> None:
        self.offsets: list[int] = []
        self._broken = broken
        page.route("**/media/uploads/*", self._answer)

    def _answer(self, route: Route) -> None:
        if route.request.method != "PATCH":
            return route.continue_()
        self.offsets.append(int(route.request.headers["upload-offset"]))
        if len(self.offsets) - 1 in self._broken:
            return route.abort("connectionreset")
        return route.continue_()


def at_desk(visitor: Callable[..., Visitor], shop: Shop, path: str, size: tuple[int, int] = PHONE) -> Page:
    somebody = visitor(size)
    somebody.sign_in(shop.creator.email)
    return somebody.open(path)


def test_an_upload_goes_on_where_its_line_broke(visitor: Callable[..., Visitor], shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "large.png"
    file.write_bytes(image(2200, 1900))
    assert PIECE < file.stat().st_size < 2 * PIECE
    page = at_desk(visitor, shop, "/desk/new")
    line = BrokenLine(page, 1)
    page.get_by_label("Picture").set_input_files(file)
    expect(page.get_by_role("img", name="Your picture: large.png")).to_be_visible(timeout=60_000)
    assert line.offsets == [0, PIECE, PIECE]


def test_a_file_that_is_no_picture_is_refused_in_words(visitor: Callable[..., Visitor], shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "note.png"
    file.write_bytes(b"not a picture at all" * 100)
    page = at_desk(visitor, shop, "/desk/new")
    page.get_by_label("Picture").set_input_files(file)
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_a_form_says_what_is_wrong_at_the_field(visitor: Callable[..., Visitor], shop: Shop) -> None:
    page = at_desk(visitor, shop, f"/desk/products/{shop.product.id}")
    begin = datetime.now(UTC) + timedelta(days=1)
    page.get_by_label("Starts").fill(typed(begin))
    page.get_by_label("Ends").fill(typed(begin - timedelta(hours=1)))
    page.get_by_role("button", name="Schedule drop").click()
    expect(page.get_by_label("Ends")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Ends")).to_be_focused()
    page.get_by_label("Units").fill("")
    page.get_by_role("button", name="Schedule drop").click()
    expect(page.get_by_label("Units")).to_be_focused()


def test_a_drop_is_changed_ended_and_cancelled(visitor: Callable[..., Visitor], stockroom: Stockroom, shop: Shop) -> None:
    coming, live = stockroom.drop(shop.product, timedelta(hours=1), units=5), stockroom.drop(shop.product, timedelta(seconds=-5), units=5)
    page = at_desk(visitor, shop, f"/desk/drops/{coming}")
    page.get_by_role("spinbutton", name="Units").fill("8")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("8 of 8 left")).to_be_visible()
    page.get_by_role("button", name="Cancel the drop").click()
    dialog = page.get_by_role("dialog", name="Cancel this drop?")
    dialog.get_by_label("Reason").fill("The kiln broke.")
    dialog.get_by_role("button", name="Cancel the drop").click()
    expect(page.get_by_text("Its orders are cancelled")).to_be_visible()

    page.goto(page.url.replace(coming, live))
    page.get_by_role("button", name="End it now").click()
    page.get_by_role("button", name="Let it go on").click()
    expect(page.get_by_role("button", name="End it now")).to_be_focused()
    page.get_by_role("button", name="End it now").click()
    page.get_by_role("button", name="End the sale").click()
    expect(page.get_by_text("What was sold stays sold.")).to_be_visible()


def test_a_sale_is_drawn_as_it_goes(visitor: Callable[..., Visitor], stockroom: Stockroom, shop: Shop) -> None:
    drop = stockroom.drop(shop.product, timedelta(seconds=-5), units=10)
    page = at_desk(visitor, shop, f"/desk/drops/{drop}")
    figure = page.get_by_role("figure")
    expect(figure).to_contain_text("0 units of 10 sold, 10 left")
    buyer = stockroom.signed_in(stockroom.somebody("Ben Buyer"))
    assert buyer.buy(drop, 3).json()["data"]["placeOrder"]["order"]
    expect(figure).to_contain_text("3 units of 10 sold, 7 left; 3 in the last minute.")
    # Counted a moment later, and asked for every now and then; a creator's own look is no visit.
    expect(page.get_by_role("region", name="So far")).to_contain_text("Visits0Orders1Revenue", timeout=40_000)
    figure.get_by_text("As a table").click()
    expect(figure.get_by_role("row").nth(1)).to_contain_text("3")


def test_somebody_elses_drop_is_not_at_this_desk(visitor: Callable[..., Visitor], stockroom: Stockroom, shop: Shop) -> None:
    somebody = visitor()
    somebody.sign_in(stockroom.creator("Otto Other").email)
    page = somebody.open(f"/desk/drops/{shop.live}")
    expect(page.get_by_role("heading", name="Not one of yours")).to_be_visible()
