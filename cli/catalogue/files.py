"""Catalogues as files: JSON Lines, or CSV where the name says so, compressed where it ends in .gz; written, and read line by line.

Both say the same of a product. In CSV a list is apart by commas, which no tag has, and what is inside a value has its own column: price_amount,
drop_stock. An empty column is a value that is not given.
"""

import csv
import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Annotated, Any, cast

import msgspec
from msgspec import Meta

from cli.catalogue.making import Made
from cli.failures import CommandFailed
from cli.line_files import bounded_lines, opened
from services.contracts.products import Description, Media, NewProduct, Tags
from services.contracts.values import Instant, Line, Money, PerUserLimit, StockSize

# A description of the most characters there may be, each written as an escape, twice over: a file of another kind shows itself early.
MAX_LINE_BYTES = 128 << 10
# A value of CSV that is longer has lost its closing quote.
MAX_VALUE_CHARS = 20_000
DIGESTED_BYTES = 64 << 10
COLUMNS = ("id", "creator", "creator_name", "name", "description", "tags", "media", "price_amount", "price_currency")
DROP_COLUMNS = ("drop_starts_at", "drop_ends_at", "drop_starts_in_s", "drop_ends_in_s", "drop_stock", "drop_per_user_limit")
_LISTS = ("tags", "media")
_WHOLE = ("amount", "starts_in_s", "ends_in_s", "stock", "per_user_limit")
_PATH = re.compile(r" - at `\$\.?(.*)`$")
# Ten years either way: the products service has bounds of its own.
Seconds = Annotated[int, Meta(ge=-315_360_000, le=315_360_000)]


class ListedDrop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sale of the product: from and until a moment, or so many seconds after the import began."""

    stock: StockSize
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    starts_in_s: Seconds | None = None
    ends_in_s: Seconds | None = None
    per_user_limit: PerUserLimit | None = None

    def __post_init__(self) -> None:
        for name in ("starts", "ends"):
            if (getattr(self, f"{name}_at") is None) == (getattr(self, f"{name}_in_s") is None):
                raise ValueError(f"give one of {name}_at and {name}_in_s")


class Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a line says. id: the product's name in the catalogue, for ever; creator: the id of one that there is, or a catalogue's name for one."""

    name: Line
    price: Money
    id: Line | None = None
    creator: Line | None = None
    creator_name: Line | None = None
    description: Description = ""
    tags: Tags = []
    media: Media = []
    drop: ListedDrop | None = None

    @property
    def product(self) -> NewProduct:
        return NewProduct(self.name, self.price, self.description, self.tags, self.media)


@dataclass(frozen=True)
class Entry:
    """A product of a file. line: where it begins, from 1."""

    line: int
    listing: Listing


@dataclass(frozen=True)
class Fault:
    """Why a line was left out. field: what is wrong of it, empty where that is all of it."""

    line: int
    field: str
    message: str

    @property
    def text(self) -> str:
        return f"line {self.line}: {self.field}: {self.message}" if self.field else f"line {self.line}: {self.message}"


class CatalogueFile:
    """An open catalogue. `open_catalogue` makes it. key: the same for the same file, by its size and its beginning."""

    def __init__(self, path: Path, raw: IO[bytes], source: IO[bytes]) -> None:
        self.path = path
        self._raw = raw
        self._source = source
        self._size = path.stat().st_size
        with path.open("rb") as file:
            self.key = hashlib.sha256(b"\0".join([str(self._size).encode(), file.read(DIGESTED_BYTES)])).hexdigest()

    def entries(self, after: int = 0) -> Iterator[Entry | Fault]:
        """What the lines behind that number say; blank ones say nothing. Raises CommandFailed where the file can't be read to its end."""
        parsed = _csv_entries(self._source) if _is_csv(self.path) else _json_entries(self._source)
        try:
            yield from (entry for entry in parsed if entry.line > after)
        except (OSError, EOFError, zlib.error) as error:
            raise CommandFailed("UNREADABLE", f"{self.path} can't be read to its end: {error}") from error

    def share(self) -> float:
        """How much of the file was read, from 0 to 1."""
        return self._raw.tell() / self._size if self._size else 1.0


@contextmanager
def open_catalogue(path: Path) -> Iterator[CatalogueFile]:
    """A catalogue for the block. Raises CommandFailed."""
    with ExitStack() as stack:
        raw = stack.enter_context(opened(path))
        source = stack.enter_context(gzip.open(raw)) if path.suffix == ".gz" else raw
        yield CatalogueFile(path, raw, cast(IO[bytes], source))


def _is_csv(path: Path) -> bool:
    return path.name.removesuffix(".gz").endswith(".csv")


def _json_entries(source: IO[bytes]) -> Iterator[Entry | Fault]:
    decoder = msgspec.json.Decoder(Listing)
    for number, raw in enumerate(_lines(source), start=1):
        if len(raw) > MAX_LINE_BYTES:
            yield Fault(number, "", f"a line of more than {MAX_LINE_BYTES} bytes")
        elif raw.strip():
            yield _entry(number, partial(decoder.decode, raw))


def _csv_entries(source: IO[bytes]) -> Iterator[Entry | Fault]:
    csv.field_size_limit(MAX_VALUE_CHARS)
    # What is not UTF-8 is told with its line, and does not end the reading.
    rows = csv.reader((raw.decode(errors="surrogateescape") for raw in _lines(source)), strict=True)
    columns = next(rows, [])
    unknown = [name for name in columns if name not in COLUMNS + DROP_COLUMNS]
    if unknown or "name" not in columns or len(set(columns)) < len(columns):
        raise CommandFailed("UNREADABLE", f"The first line names the columns, of {', '.join(COLUMNS + DROP_COLUMNS)}; not {unknown}.")
    while True:
        begin = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Fault(begin, "", str(error))
            continue
        if row:
            yield _entry(begin, partial(_of_row, columns, row))


def _entry(number: int, parse: Callable[[], Listing]) -> Entry | Fault:
    try:
        return Entry(number, parse())
    except (msgspec.MsgspecError, UnicodeError) as error:
        said = str(error)
        where = _PATH.search(said)
        return Fault(number, where.group(1) if where else "", said[: where.start()] if where else said)


def _of_row(columns: list[str], row: list[str]) -> Listing:
    if len(row) != len(columns):
        raise msgspec.ValidationError(f"{len(row)} values in {len(columns)} columns")
    "".join(row).encode()  # raises for what was not UTF-8
    said: dict[str, Any] = {}
    for column, text in zip(columns, row, strict=True):
        outer, _, inner = column.partition("_") if column.startswith(("price_", "drop_")) else (column, "", "")
        if text and inner:
            said.setdefault(outer, {})[inner] = _whole(text) if inner in _WHOLE else text
        elif text:
            said[column] = text.split(",") if column in _LISTS else text
    return msgspec.convert(said, Listing)


def _whole(text: str) -> int | str:
    # What is no number stays text, and is told as the wrong type of its field.
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text


def _lines(source: IO[bytes]) -> Iterator[bytes]:
    """Without the mark that some programs put before the first."""
    for number, line in enumerate(bounded_lines(source, MAX_LINE_BYTES)):
        yield line if number else line.removeprefix(b"\xef\xbb\xbf")


def listing_of(made: Made, drop: ListedDrop | None) -> Listing:
    price = Money(made.amount, made.currency)
    creator = made.creator
    return Listing(made.name, price, f"product-{made.number}", creator.key, creator.name, made.description, made.tags, [], drop)


def write_catalogue(path: Path, listings: Iterator[Listing]) -> None:
    """Write a catalogue. The same listings give the same bytes."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as raw:
        # No name and no time of writing in the header.
        packed = gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) if path.suffix == ".gz" else None
        target = cast(IO[bytes], packed or raw)
        (_write_csv if _is_csv(path) else _write_json)(target, listings)
        if packed:
            packed.close()
    # A file that was cut short would look like a smaller catalogue.
    part.replace(path)


def _write_json(target: IO[bytes], listings: Iterator[Listing]) -> None:
    for listing in listings:
        said = {name: value for name, value in msgspec.to_builtins(listing).items() if value not in (None, "", [])}
        if listing.drop:
            said["drop"] = {name: value for name, value in said["drop"].items() if value is not None}
        target.write(msgspec.json.encode(said) + b"\n")


def _write_csv(target: IO[bytes], listings: Iterator[Listing]) -> None:
    text = TextIOWrapper(target, encoding="utf-8", newline="", write_through=True)
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS + DROP_COLUMNS)
    for listing in listings:
        said = msgspec.to_builtins(listing)
        said |= {f"{outer}_{inner}": value for outer in ("price", "drop") for inner, value in (said[outer] or {}).items()}
        rows.writerow([",".join(said[name]) if name in _LISTS else said.get(name) for name in COLUMNS + DROP_COLUMNS])
    text.detach()
