"""A catalogue, imported on the running stack as an operator does it."""

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.catalogue.files import Listing, listing_of, write_catalogue
from cli.catalogue.making import Shape, make_products
from cli.watching import watch
from services.contracts.events import Event, events_of
from services.contracts.products import ImportedProduct, ImportOutcome, NewProduct, Product, ProductChange, Products
from services.contracts.users import Role, Users
from services.contracts.values import Money
from stack.api import Stack
from tests.conftest import eventually

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Sql = Callable[..., list[tuple[Any, ...]]]
DEADLINE_S = 100
PASSWORD = "correct horse battery"


def new_id() -> str:
    return str(uuid.uuid4())


def imported(creator_id: str, name: str = "Mug", product_id: str | None = None) -> ImportedProduct:
    return ImportedProduct(product_id or new_id(), creator_id, NewProduct(name, Money(1900, "EUR"), "A mug.", ["mug", "red", "mug"]))


@pytest.fixture
def told_events(stack: Stack) -> Iterator[list[Event]]:
    """Products that are told of while the test runs."""
    seen, listening = list[Event](), threading.Event()
    url, deadline = stack.environment("operations")["LIVEDROPS_BROKER_URL"], time.monotonic() + DEADLINE_S
    stop = threading.Event()

    def listen() -> None:
        for body in watch(url, ["product.created"], deadline, lambda _: listening.set()):
            seen.extend(events_of(body))
            if stop.is_set():
                return

    threading.Thread(target=listen, daemon=True).start()
    assert listening.wait(10)
    yield seen
    stop.set()


class TestInOneCall:
    def test_each_is_made_once_and_as_one_made_alone(self, products: Products) -> None:
        one, other = new_id(), new_id()
        wanted = [imported(one), imported(other), imported(one, "Żółty kubek")]
        answers = products.import_products(products=wanted)
        assert [(each.product_id, each.outcome) for each in answers] == [(each.product_id, ImportOutcome.CREATED) for each in wanted]
        made = products.get_products(product_ids=[each.product_id for each in wanted])
        assert [(each.creator_id, each.name, each.tags, each.version) for each in made] == [
            (each.creator_id, each.product.name, ["mug", "red"], 1) for each in wanted
        ]
        alone = products.create_product(product_id=wanted[0].product_id, creator_id=one, product=wanted[0].product)
        assert alone == made[0]

    def test_media_that_nobody_uploaded_are_refused_and_the_others_made(self, products: Products) -> None:
        creator = new_id()
        shown = ImportedProduct(new_id(), creator, NewProduct("Mug", Money(1900, "EUR"), media=[new_id()]))
        refused, made = products.import_products(products=[shown, imported(creator)])
        assert (refused.outcome, refused.code) == (ImportOutcome.REFUSED, "INVALID_INPUT")
        assert made.outcome is ImportOutcome.CREATED
        assert products.get_products(product_ids=[shown.product_id]) == []

    def test_again_changes_nothing_whatever_became_of_it_since(self, products: Products) -> None:
        wanted = imported(new_id())
        products.import_products(products=[wanted])
        changed = products.update_product(product_id=wanted.product_id, expected_version=1, change=ProductChange(name="Better"))
        [answer] = products.import_products(products=[wanted])
        assert answer.outcome is ImportOutcome.UNCHANGED
        assert products.get_product(product_id=wanted.product_id) == changed

    def test_another_product_under_an_id_is_refused_and_the_others_are_made(self, products: Products) -> None:
        creator_id, taken = new_id(), imported(new_id())
        products.import_products(products=[taken])
        twice = imported(creator_id, "First")
        wanted = [
            imported(creator_id, product_id=taken.product_id),  # of another creator
            imported(taken.creator_id, "Other", taken.product_id),
            twice,
            twice,
            imported(creator_id, "Second", twice.product_id),
        ]
        answers = products.import_products(products=wanted)
        assert [(each.outcome.value, each.code) for each in answers] == [
            ("REFUSED", "CONFLICT"),
            ("REFUSED", "CONFLICT"),
            ("CREATED", None),
            ("UNCHANGED", None),
            ("REFUSED", "CONFLICT"),
        ]
        assert products.get_product(product_id=twice.product_id).name == "First"
        assert products.get_product(product_id=taken.product_id).creator_id == taken.creator_id

    def test_each_that_is_new_is_told_once(self, products: Products, told_events: list[Event]) -> None:
        creator_id = new_id()
        wanted = [imported(creator_id, f"Mug {number}") for number in range(120)]
        for _ in range(2):
            products.import_products(products=wanted)

        def told() -> list[str]:
            return [event.data["product"]["id"] for event in told_events if event.data["product"]["creator_id"] == creator_id]

        eventually(lambda: len(told()) >= len(wanted))
        assert sorted(told()) == sorted(each.product_id for each in wanted)


@pytest.fixture(scope="module")
def command(stack: Stack) -> Callable[..., "subprocess.Popen[str]"]:
    """Start `livedrops import-products`."""
    environment = os.environ | stack.environment("operations")

    def begin(*arguments: object) -> "subprocess.Popen[str]":
        line = [sys.executable, "-m", "cli.main", "--profile", "test", "import-products", *map(str, arguments)]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(line, text=True, env=environment, **pipes)

    return begin


@pytest.fixture(scope="module")
def load(command: Callable[..., "subprocess.Popen[str]"]) -> Run:
    """Run it to its end; never a traceback."""

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        with command(*arguments) as process:
            out, err = process.communicate(timeout=DEADLINE_S)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run


@pytest.fixture
def creator_id() -> str:
    return new_id()


def write(path: Path, products: int) -> list[Listing]:
    """A catalogue of made-up products, whose creators no other test has."""
    own = uuid.uuid4().hex
    listings = [listing_of(made, None) for made in make_products(Shape(products, 1, 1))]
    named = [Listing(each.name, each.price, each.id, f"{own} {each.creator}", None, each.description, each.tags) for each in listings]
    write_catalogue(path, iter(named))
    return named


def products_of(products: Products, creator_id: str) -> list[Product]:
    found, after = list[Product](), None
    while True:
        page = products.list_products(creator_id=creator_id, first=100, after=after)
        found += page.products
        after = page.next
        if after is None:
            return found


def test_csv_and_json_lines_make_equal_products(load: Run, products: Products, tmp_path: Path) -> None:
    made = []
    for name in ("catalogue.csv.gz", "catalogue.jsonl"):
        owner = new_id()
        write(tmp_path / name, 250)
        told = json.loads(load(tmp_path / name, "--creator", owner, "--json").stdout)
        assert (told["created"], told["errors"]) == (250, 0)
        made.append({(p.name, p.description, tuple(p.tags), p.price) for p in products_of(products, owner)})
    assert made[0] == made[1]
    assert len(made[0]) > 200


def test_importing_again_changes_nothing(load: Run, products: Products, creator_id: str, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.jsonl"
    write(path, 300)
    assert load(path, "--creator", creator_id).returncode == 0
    before = products_of(products, creator_id)
    told = json.loads(load(path, "--creator", creator_id, "--json").stdout)
    assert (told["created"], told["unchanged"]) == (0, 300)
    assert products_of(products, creator_id) == before


def test_an_import_that_was_killed_goes_on_behind_its_last_batch(
    load: Run, command: Callable[..., "subprocess.Popen[str]"], products_sql: Sql, creator_id: str, tmp_path: Path
) -> None:
    path, journal = tmp_path / "catalogue.jsonl", tmp_path / "journal"
    write(path, 1_500)
    options = (path, "--creator", creator_id, "--checkpoint", journal)

    def made() -> int:
        return int(products_sql("select count(*) from products where creator_id = %s", creator_id)[0][0])

    with command(*options, "--batch", "3", "--at-once", "1") as process:
        eventually(lambda: journal.exists() and json.loads(journal.read_bytes())["line"] > 0)
        process.kill()
    reached = json.loads(journal.read_bytes())["line"]
    assert 0 < reached <= made() < 1_500
    done = load(*options, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert f"going on behind line {reached:,}" in done.stderr
    assert (told["resumed_behind_line"], told["created"] + told["unchanged"]) == (reached, 1_500)
    assert made() == 1_500


def test_wrong_lines_are_told_by_number_and_field_and_the_rest_is_imported(
    load: Run, products: Products, creator_id: str, tmp_path: Path
) -> None:
    path, errors = tmp_path / "catalogue.jsonl", tmp_path / "wrong.txt"
    good = {"id": "a", "name": "Mug", "price": {"amount": 1, "currency": "EUR"}}
    lines = [good, good | {"price": {"amount": -1, "currency": "EUR"}}, good | {"id": "b", "name": ""}, good | {"name": "Other"}]
    lines.append(good | {"id": "c", "drop": {"stock": 1, "starts_in_s": 7200, "ends_in_s": 3600}})
    path.write_text("\n".join(map(json.dumps, lines)))
    done = load(path, "--creator", creator_id, "--errors", errors, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["errors"] == 4
    assert [line.split(": ")[:2] for line in errors.read_text().splitlines()] == [
        ["line 2", "price.amount"],
        ["line 3", "name"],
        ["line 4", "id"],
        ["line 5", "drop.ends_at"],
    ]
    # The product of a drop that can't be is made all the same.
    assert sorted(product.name for product in products_of(products, creator_id)) == ["Mug", "Mug"]


def test_too_many_wrong_lines_end_the_import(load: Run, creator_id: str, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_text("name,price_amount,price_currency\n,1,EUR\n,1,EUR\n")
    done = load(path, "--creator", creator_id, "--max-errors", "1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("INVALID_INPUT: More than 1 lines")


def test_creators_are_made_with_their_names_and_found_again(load: Run, users: Users, products_sql: Sql, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.jsonl"
    key = uuid.uuid4().hex
    good = {"creator": key, "creator_name": "Pracownia Żuraw", "price": {"amount": 1, "currency": "EUR"}}
    path.write_text("\n".join(json.dumps(good | {"name": f"{key} {number}", "id": str(number)}) for number in range(3)))
    for _ in range(2):
        assert load(path, "--make-creators", "--password", PASSWORD).returncode == 0
    [(owner, count)] = products_sql("select creator_id::text, count(*) from products where name like %s group by 1", f"{key}%")
    user = users.get_user(user_id=owner)
    assert count == 3
    assert (user.name, set(user.roles)) == ("Pracownia Żuraw", {Role.CREATOR, Role.FAN})


def test_a_line_may_carry_a_drop_which_is_scheduled_once(load: Run, products: Products, creator_id: str, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_text("id,name,price_amount,price_currency,drop_stock,drop_starts_in_s,drop_ends_in_s\na,Mug,500,EUR,7,3600,7200\n")
    for _ in range(2):
        told = json.loads(load(path, "--creator", creator_id, "--json").stdout)
        assert (told["drops"], told["errors"]) == (1, 0)
    [drop] = products.list_drops(creator_id=creator_id).drops
    assert (drop.name, drop.stock, drop.unit_price, (drop.ends_at - drop.starts_at).total_seconds()) == ("Mug", 7, Money(500, "EUR"), 3_600)


@pytest.mark.parametrize(
    "options", [("--creator", "somebody"), ("--make-creators",), ("--make-creators", "--password", "short"), ("--batch", "201")]
)
def test_a_command_line_that_makes_no_sense_is_exit_code_2(load: Run, tmp_path: Path, options: tuple[str, ...]) -> None:
    path = tmp_path / "catalogue.jsonl"
    path.write_text("")
    assert load(path, *options).returncode == 2


def test_a_line_of_nobody_is_an_error(load: Run, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.jsonl"
    path.write_text(json.dumps({"name": "Mug", "price": {"amount": 1, "currency": "EUR"}}))
    done = load(path)
    assert done.returncode == 0
    assert done.stderr.startswith("line 1: creator: ")
