"""Files that are read line by line, and where their wrong lines are told."""

import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from cli.failures import CommandFailed


def opened(path: Path | str) -> IO[bytes]:
    """Raises CommandFailed."""
    try:
        return open(path, "rb")
    except OSError as error:
        raise CommandFailed("UNREADABLE", f"{path} can't be read: {error.strerror}.") from error


def bounded_lines(source: IO[bytes] | gzip.GzipFile, most_bytes: int) -> Iterator[bytes]:
    """Lines, each cut behind the first byte that is too many: a file without line breaks must not fill the memory."""
    while line := source.readline(most_bytes + 1):
        rest = line
        while len(rest) > most_bytes and not rest.endswith(b"\n"):
            rest = source.readline(most_bytes + 1)
        yield line


class OnceASecond:
    """When progress is told, and since when."""

    def __init__(self) -> None:
        self._begun = self._told_at = time.monotonic()

    def is_due(self) -> bool:
        """Whether a second has gone by since the last time that it was."""
        now = time.monotonic()
        if now - self._told_at < 1.0:
            return False
        self._told_at = now
        return True

    def seconds(self) -> float:
        return time.monotonic() - self._begun


@contextmanager
def wrong_lines(path: Path | None, appending: bool) -> Iterator[Callable[[str], None]]:
    """Where wrong lines are told: in that file, or on stderr. appending: what an earlier part of the same work told stays."""
    if path is None:
        yield lambda text: click.echo(text, err=True)
        return
    try:
        file = path.open("a" if appending else "w", encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{path} can't be written: {error.strerror}") from error
    with file:
        yield lambda text: print(text, file=file, flush=True)
