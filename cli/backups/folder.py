"""The folder of backups: one folder each, and beside them the log that PostgreSQL has written since the first.

DIR/20261128T075001Z/backup.json        what is in it; written last
DIR/20261128T075001Z/postgres/orders/   base.tar.gz, pg_wal.tar.gz, of the server that holds this database (and others)
DIR/20261128T075001Z/mongo/users/       a file a collection, as mongodump writes them
DIR/wal/orders/                         segments, by `livedrops backup follow`
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from cli.failures import CommandFailed

MANIFEST = "backup.json"
_UNFINISHED = ".part"
_ID = "%Y%m%dT%H%M%SZ"


class ServerPart(msgspec.Struct, frozen=True):
    """A PostgreSQL server, by the first of its databases. sha256: of its base."""

    name: str
    databases: list[str]
    size: int
    sha256: str
    took_s: float


class DatabasePart(msgspec.Struct, frozen=True):
    """A database of MongoDB."""

    name: str
    collections: int
    documents: int
    size: int


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds. Its PostgreSQL is as of `ended_at` or, with the log, any later time; its MongoDB as of between the two."""

    id: str
    began_at: datetime
    ended_at: datetime
    postgres: list[ServerPart]
    mongo: list[DatabasePart]

    @property
    def size(self) -> int:
        return sum(part.size for part in self.postgres) + sum(part.size for part in self.mongo)


@dataclass(frozen=True)
class BackupFolder:
    root: Path

    def backups(self) -> list[Manifest]:
        """Those that are whole, oldest first."""
        found = sorted(self.root.glob(f"*/{MANIFEST}"))
        return [msgspec.json.decode(file.read_bytes(), type=Manifest) for file in found if file.parent.suffix != _UNFINISHED]

    def choose(self, id: str | None) -> Manifest:
        """The named one, or the newest. Raises CommandFailed."""
        wanted = [one for one in self.backups() if id in (None, one.id)]
        if not wanted:
            raise CommandFailed("NOT_FOUND", f"There is no backup {id or 'at all'} in {self.root}.")
        return wanted[-1]

    def of(self, id: str) -> Path:
        return self.root / id

    def wal(self, server: str) -> Path:
        return self.root / "wal" / server

    @contextmanager
    def new(self) -> "Iterator[tuple[str, Path]]":
        """The id of a new backup, and a folder to fill; it gets its name when the block is done, and is gone where that fails."""
        id = datetime.now(UTC).strftime(_ID)
        draft = self.root / f"{id}{_UNFINISHED}"
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.mkdir(mode=0o700)
        try:
            yield id, draft
            for file in draft.rglob("*"):
                _sync(file)
            draft.rename(self.of(id))
            _sync(self.root)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise


def _sync(path: Path) -> None:
    """To the disk: a backup that is there is a whole one, whatever happens next."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
