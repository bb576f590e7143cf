"""No server, but beside one from its start to its end: what receives PostgreSQL's log into LIVEDROPS_BACKUP_DIR (docs/runbooks/backup-and-restore.md)."""

import sys
from collections.abc import Mapping
from pathlib import Path

from stack.instance import CLONE
from stack.programs import Program

# It comes up beside PostgreSQL, and ends until that is there.
_RETRIES = 100


class Backup:
    name = "backup"

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        """environment: with the addresses of the stores."""
        self._folder = folder
        self._environment = environment

    def files(self) -> dict[Path, str]:
        return {}

    def programs(self) -> tuple[Program, ...]:
        command = (sys.executable, "-m", "cli.main", "backup", "follow", str(self._folder))
        return (Program(self.name, command, self._environment, CLONE, retries=_RETRIES),)

    def prepare(self) -> None:
        self._folder.mkdir(mode=0o711, parents=True, exist_ok=True)

    def is_ready(self) -> bool:
        """Ready is: a segment is being received."""
        return any(self._folder.glob("wal/*/*.partial"))
