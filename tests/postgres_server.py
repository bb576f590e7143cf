"""A real PostgreSQL of a test's own, beside the stack's, started and ended by its pid."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from stack.accounts import unprivileged_user
from stack.binaries import find
from tests.conftest import eventually

ROLE = "livedrops"
# A start that has to recover first, on a busy machine.
READY_WITHIN_S = 60.0


@dataclass
class PostgresServer:
    """folder: of its data, which its user must be able to reach. settings: beside the port, as `-c` takes them."""

    folder: Path
    port: int
    settings: Sequence[str] = ()
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, database: str) -> str:
        return f"postgresql://{ROLE}@{self.place}/{database}"

    def make(self) -> None:
        """A cluster that believes everybody on this machine."""
        self.run("initdb", "-D", str(self.folder), "-U", ROLE, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions")

    def follow(self, primary: "PostgresServer", name: str) -> None:
        """Become the standby of another one, known to it by this name."""
        line = f"host=127.0.0.1 port={primary.port} user={ROLE} application_name={name}"
        self.run("pg_basebackup", "-D", str(self.folder), "-d", line, "--write-recovery-conf", "--checkpoint=fast")

    def start(self) -> None:
        flags = ["port=" + str(self.port), "listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC", *self.settings]
        command = [str(find("postgres")), "-D", str(self.folder), *(part for flag in flags for part in ("-c", flag))]
        with self.folder.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, user=_user(), cwd="/")

    def wait_ready(self, is_primary: bool = True) -> None:
        eventually(lambda: self._answers(is_primary), READY_WITHIN_S)

    def promote(self) -> None:
        """From standby to primary, that waits for no standby of its own."""
        assert self.ask("select pg_promote(wait => true, wait_seconds => 30)") == [(True,)]

    def kill(self) -> None:
        """End it as a crash would: all of its processes, none of which can say anything any more."""
        if self.process is not None:
            children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
            for pid in [self.process.pid, *map(int, children)]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def ask(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self.url(database), connect_timeout=3)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's programs, as the user whose the data is."""
        path = find("postgres")
        assert path is not None
        done = subprocess.run([path.with_name(program), *arguments], user=_user(), cwd="/", capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    def _answers(self, is_primary: bool) -> bool:
        with suppress(psycopg2.OperationalError):
            return self.ask("select pg_is_in_recovery()") == [(not is_primary,)]
        return False


def reachable(folder: Path) -> Path:
    """A folder that PostgreSQL's user owns, and can get to."""
    folder.mkdir(mode=0o711, exist_ok=True)
    for above in [folder, *folder.parents][:4]:
        with suppress(PermissionError):
            above.chmod(above.stat().st_mode | 0o011)
    if user := _user():
        shutil.chown(folder, user)
    return folder


def _user() -> str | None:
    return unprivileged_user()
