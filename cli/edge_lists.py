"""Edge lists: files of two ids a line, the follower first, as public data sets of social networks come.

Ids are apart by white space or a comma. Lines that are blank or begin with # are skipped.
"""

import gzip
import hashlib
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import IO

from cli.failures import CommandFailed
from cli.line_files import bounded_lines, opened
from services.kernel import ids
from services.users.loading import Edge, Problem

STDIN = "-"
# Far longer than any data set's; a file of another kind shows itself early.
MAX_ID_CHARS = 100
# Room for two such ids in any script, and for the columns that some data sets put behind them to be told as a mistake.
MAX_LINE_BYTES = 2_000
# What a mistaken line is shown with.
SHOWN_CHARS = 120
DIGESTED_BYTES = 64 << 10
# The celebrities of a list are named again and again; some 300 bytes each.
REMEMBERED_IDS = 50_000
_APART = re.compile(r"\s*,\s*|\s+")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@lru_cache(maxsize=REMEMBERED_IDS)
def person_id(text: str) -> str:
    """The user id that an id of a list stands for: a UUID for itself, any other for one derived from it."""
    return text.lower() if _UUID.fullmatch(text) else ids.derived_id("graph", text)


def parse(number: int, raw: bytes) -> Edge | Problem | None:
    """What a line says; None for one that says nothing."""
    text = raw.decode("utf-8-sig", errors="replace").strip()
    if not text or text.startswith("#"):
        return None
    names = _APART.split(text)
    reason = _what_is_wrong(raw, names)
    if reason:
        return Problem(number, reason, text[:SHOWN_CHARS])
    follower, followed = map(person_id, names)
    return Edge(number, follower, followed, text)


def _what_is_wrong(raw: bytes, names: list[str]) -> str | None:
    if len(raw) > MAX_LINE_BYTES:
        return f"a line of more than {MAX_LINE_BYTES} bytes"
    if not _is_utf8(raw):
        return "not UTF-8"
    if len(names) != 2 or not all(names):
        return "not two ids"
    if max(map(len, names)) > MAX_ID_CHARS:
        return f"an id of more than {MAX_ID_CHARS} characters"
    if person_id(names[0]) == person_id(names[1]):
        return "the same id twice"
    return None


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


class EdgeList:
    """An open list. `open_list` makes it.

    key: the same for the same file, by its path, its size and its beginning; None for stdin, which nobody can go back in.
    """

    def __init__(self, name: str, source: IO[bytes] | gzip.GzipFile, raw: IO[bytes] | None) -> None:
        """raw: the file itself, where `source` is its unpacked text."""
        self.name = name
        self._source = source
        self._raw = raw
        self._size = Path(name).stat().st_size if raw else 0
        self.key = _key(Path(name), self._size) if raw else None

    def lines(self, after: int = 0) -> Iterator[Edge | Problem]:
        """What the lines behind that number say. Raises CommandFailed where the file can't be read to its end."""
        try:
            for number, raw in enumerate(bounded_lines(self._source, MAX_LINE_BYTES), start=1):
                said = parse(number, raw) if number > after else None
                if said is not None:
                    yield said
        except (OSError, EOFError, zlib.error) as error:
            raise CommandFailed("UNREADABLE", f"{self.name} can't be read to its end: {error}") from error

    def share(self) -> float | None:
        """How much of the file was read, from 0 to 1; None where its size is not known."""
        return self._raw.tell() / self._size if self._raw and self._size else None


@contextmanager
def open_list(name: str) -> Iterator[EdgeList]:
    """A list for the block: plain, compressed where its name ends in .gz, or stdin for "-". Raises CommandFailed."""
    if name == STDIN:
        yield EdgeList(name, sys.stdin.buffer, None)
        return
    with opened(name) as raw, gzip.open(raw) if name.endswith(".gz") else nullcontext(raw) as source:
        # A pipe with a name has no size and no second reading either.
        yield EdgeList(str(Path(name).resolve()), source, raw if Path(name).is_file() else None)


def _key(path: Path, size: int) -> str:
    with path.open("rb") as file:
        beginning = file.read(DIGESTED_BYTES)
    return hashlib.sha256(b"\0".join([str(path).encode(), str(size).encode(), beginning])).hexdigest()
