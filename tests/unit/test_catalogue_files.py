"""Catalogues as files: what a line says, and what is wrong of it."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.catalogue.files import MAX_LINE_BYTES, Entry, Fault, ListedDrop, Listing, open_catalogue
from cli.catalogue.importing import drop_of
from cli.failures import CommandFailed
from services.contracts.values import Money

GOOD: dict[str, Any] = {"id": "p1", "creator": "c1", "name": "Żółty „kubek”, duży", "price": {"amount": 4900, "currency": "PLN"}}
DROP = {"stock": 5, "starts_in_s": 60, "ends_in_s": 3600}
HEADER = "id,creator,name,description,tags,price_amount,price_currency,drop_stock,drop_starts_in_s,drop_ends_in_s"


def read(path: Path, content: str | bytes, after: int = 0) -> list[Entry | Fault]:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    with open_catalogue(path) as catalogue:
        return list(catalogue.entries(after))


def listings(entries: list[Entry | Fault]) -> list[Listing]:
    return [entry.listing for entry in entries if isinstance(entry, Entry)]


def test_csv_and_json_lines_say_the_same(tmp_path: Path) -> None:
    said = GOOD | {"description": "Line one.\nLine two.", "tags": ["mug", "ręcznie robiony"], "drop": DROP}
    row = 'p1,c1,"Żółty „kubek”, duży","Line one.\nLine two.","mug,ręcznie robiony",4900,PLN,5,60,3600'
    of_json = read(tmp_path / "a.jsonl", json.dumps(said))
    of_csv = read(tmp_path / "a.csv.gz", f"{HEADER}\n{row}\n")
    assert listings(of_json) == listings(of_csv)
    assert listings(of_json)[0].price == Money(4900, "PLN")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"price": {"amount": -1, "currency": "EUR"}}, "price.amount"),
        ({"price": {"amount": 1.5, "currency": "EUR"}}, "price.amount"),
        ({"price": {"amount": 1, "currency": "euro"}}, "price.currency"),
        ({"price": {"amount": 1}}, "price"),
        ({"tags": ["a", "b,c"]}, "tags[1]"),
        ({"tags": ["x"] * 31}, "tags"),
        ({"media": ["not an id"]}, "media[0]"),
        ({"description": "\u0007"}, "description"),
        ({"drop": {"stock": 0, "starts_in_s": 1, "ends_in_s": 2}}, "drop.stock"),
        ({"drop": {"stock": 1, "starts_in_s": 1}}, "drop"),
        ({"drop": {"stock": 1, "starts_in_s": 1, "starts_at": "2036-01-01T00:00:00Z", "ends_in_s": 2}}, "drop"),
        ({"colour": "red"}, ""),
    ],
)
def test_what_is_wrong_of_a_line_is_told_by_line_and_field(tmp_path: Path, wrong: dict[str, Any], field: str) -> None:
    [first, fault, last] = read(tmp_path / "a.jsonl", "\n".join(map(json.dumps, (GOOD, GOOD | wrong, GOOD))))
    assert isinstance(first, Entry)
    assert isinstance(last, Entry)
    assert isinstance(fault, Fault)
    assert (fault.line, fault.field) == (2, field)
    assert fault.message


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b'{"name":"\xff","price":{"amount":1,"currency":"EUR"}}', b"{}" * MAX_LINE_BYTES]
)
def test_a_line_that_is_no_product_is_told_and_the_next_is_read(tmp_path: Path, line: bytes) -> None:
    good = json.dumps(GOOD).encode()
    [fault, entry] = read(tmp_path / "a.jsonl", line + b"\n\n" + good)
    assert isinstance(fault, Fault)
    assert isinstance(entry, Entry)
    assert (fault.line, entry.line) == (1, 3)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("p1,c1,,,,1,EUR,,,", ""),
        ("p1,c1,Mug,,,1.5,EUR,,,", "price.amount"),
        ("p1,c1,Mug,,,,EUR,,,", "price"),
        ("p1,c1,Mug,,,1,EUR,many,1,2", "drop.stock"),
        ("p1,c1,Mug", ""),
        ('p1,"c"1,Mug,,,1,EUR,,,', ""),
        (b"p1,c1,M\xfcg,,,1,EUR,,,", ""),
    ],
)
def test_what_is_wrong_of_a_row_is_told_by_line_and_field(tmp_path: Path, row: str | bytes, field: str) -> None:
    raw = row if isinstance(row, bytes) else row.encode()
    good = b'p2,c1,"Two\nlines",,,1,EUR,,,'
    [first, fault, last] = read(tmp_path / "a.csv", b"\n".join([HEADER.encode(), good.replace(b"\n", b" "), raw, good]))
    assert isinstance(fault, Fault)
    assert (first.line, fault.line, last.line) == (2, 3, 4)
    assert fault.field == field


def test_a_quote_that_is_never_closed_does_not_fill_the_memory(tmp_path: Path) -> None:
    entries = read(tmp_path / "a.csv", HEADER + '\np1,c1,"Mug,,,1,EUR,,,\n' + "p2,c1,Mug,,,1,EUR,,,\n" * 5_000)
    assert any(isinstance(entry, Fault) for entry in entries)


@pytest.mark.parametrize("header", ["", "id,nome,price_amount", "name,name", "id,price_amount"])
def test_columns_that_nobody_knows_are_refused_at_once(tmp_path: Path, header: str) -> None:
    with pytest.raises(CommandFailed, match="UNREADABLE"):
        read(tmp_path / "a.csv", f"{header}\n1,2,3\n")


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    assert len(listings(read(tmp_path / "a.csv", "\ufeffname,price_amount,price_currency\nMug,1,EUR\n"))) == 1


def test_reading_goes_on_behind_a_line(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps(GOOD | {"id": f"p{number}"}) for number in range(1, 6))
    assert [entry.line for entry in read(tmp_path / "a.jsonl", lines, after=3)] == [4, 5]


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join([json.dumps(GOOD).encode()] * 1_000))[:-50])
    with open_catalogue(path) as catalogue, pytest.raises(CommandFailed, match="UNREADABLE"):
        list(catalogue.entries())


def test_seconds_of_a_drop_count_from_the_beginning_of_the_import() -> None:
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    drop = drop_of(ListedDrop(stock=5, starts_in_s=60, ends_at=begun + timedelta(days=1)), begun)
    assert (drop.starts_at, drop.ends_at) == (begun + timedelta(minutes=1), begun + timedelta(days=1))
