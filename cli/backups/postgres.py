"""PostgreSQL: a base backup, the log from then on, and a data folder made of both. All by PostgreSQL's own programs."""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from cli.backups.folder import ServerPart
from cli.failures import CommandFailed, NotConfigured
from stack.accounts import can_enter, unprivileged_user
from stack.binaries import find

BASE, WAL = "base.tar.gz", "pg_wal.tar.gz"
# A hundred gigabytes on a slow disk.
BACKUP_TIMEOUT_S = 6 * 3600
SLOT = "livedrops_backup"


@dataclass(frozen=True)
class Server:
    """One PostgreSQL and the databases of ours in it; named after the first of them."""

    name: str
    databases: tuple[str, ...]
    address: SplitResult

    def connection(self) -> tuple[str, dict[str, str]]:
        """What its programs are told, and the environment that holds the password: a command line is open to all."""
        user, _, place = self.address.netloc.rpartition("@")
        name, _, password = user.partition(":")
        netloc = f"{name}@{place}" if name else place
        return urlunsplit(self.address._replace(netloc=netloc)), {**os.environ, "PGPASSWORD": unquote(password)}


def servers_of(urls: Mapping[str, str]) -> list[Server]:
    """The servers behind the addresses of databases: several of ours may be in one. urls: by context."""
    found: dict[str, list[str]] = {}
    for context, url in urls.items():
        found.setdefault(urlsplit(url).netloc.rpartition("@")[2], []).append(context)
    return [Server(contexts[0], tuple(contexts), urlsplit(urls[contexts[0]])) for contexts in found.values()]


def back_up(server: Server, folder: Path) -> ServerPart:
    """A base backup with the log that it needs. Raises CommandFailed."""
    began = time.monotonic()
    folder.mkdir(parents=True)
    line, environment = server.connection()
    options = ("--format=tar", "--gzip", "--wal-method=stream", "--checkpoint=fast", "--no-password")
    _run([program("pg_basebackup"), "-D", str(folder), "-d", line, *options], environment)
    size = sum(file.stat().st_size for file in folder.iterdir())
    return ServerPart(server.name, list(server.databases), size, _digest(folder / BASE), round(time.monotonic() - began, 2))


def follow(server: Server, folder: Path) -> "subprocess.Popen[bytes]":
    """Start receiving the log, as it is written, into a folder; what is not received yet the server keeps (a slot). Raises CommandFailed."""
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    line, environment = server.connection()
    command = [program("pg_receivewal"), "-D", str(folder), "-d", line, "--slot", f"{SLOT}_{server.name}", "--no-password"]
    _run([*command, "--create-slot", "--if-not-exists"], environment)
    return subprocess.Popen([*command, "--synchronous"], env=environment)


def restore(part: ServerPart, backup: Path, wal: Path, data: Path, until: datetime | None) -> None:
    """A data folder from a backup, that reads the log up to `until` or its end when PostgreSQL starts on it. Raises CommandFailed.

    Until it has read the log it takes no connection; then it goes on as a primary.
    """
    if data.exists() and any(data.iterdir()):
        raise CommandFailed("NOT_EMPTY", f"{data} is not empty: nothing is written over. Move it away, or name another folder.")
    if _digest(backup / BASE) != part.sha256:
        raise CommandFailed("DAMAGED", f"{backup / BASE} is not what was backed up.")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for archive, place in ((backup / BASE, data), (backup / WAL, data / "pg_wal")):
        _run(["tar", "-xzf", str(archive), "-C", str(place)])
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.writelines(f"{name} = {_quoted(value)}\n" for name, value in _recovery(wal, until).items())
    (data / "recovery.signal").touch()
    _hand_over(data, wal)


def _recovery(wal: Path, until: datetime | None) -> dict[str, str]:
    # The last segment is not whole yet, and has a name that says so.
    settings = {"restore_command": f'cp "{wal}/%f" "%p" || cp "{wal}/%f.partial" "%p"', "recovery_target_action": "promote"}
    return settings | ({"recovery_target_time": until.isoformat()} if until else {})


def _hand_over(data: Path, wal: Path) -> None:
    """To whom PostgreSQL runs as, who reads the log, too."""
    user = unprivileged_user()
    if user is None:
        return
    for path in (data, *data.rglob("*")):
        shutil.chown(path, user, user)
    for path in wal.rglob("*"):
        path.chmod(path.stat().st_mode | 0o444)
    for needed in (data.parent, wal):
        if needed.exists() and not can_enter(user, needed):
            raise CommandFailed("NOT_REACHABLE", f"{user}, whom PostgreSQL runs as, can't enter {needed}.")


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def program(name: str) -> str:
    """One of PostgreSQL's own, from where its server is or from PATH. Raises NotConfigured."""
    server = find("postgres")
    beside = server.with_name(name) if server else None
    found = str(beside) if beside and beside.exists() else shutil.which(name)
    if found is None:
        raise NotConfigured(f"{name} is not here: install PostgreSQL's programs (Debian: postgresql-client).")
    return found


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done: subprocess.CompletedProcess[Any] = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=BACKUP_TIMEOUT_S
    )
    if done.returncode != 0:
        raise CommandFailed("BACKUP_FAILED", f"{Path(command[0]).name}: {done.stderr.strip()[-500:]}")
