"""What can go wrong with a stack.

StackError                exit code 1
├── SetupError            exit code 2: a person must change something first (install, free a port, fix a setting)
├── Unavailable           a server can't be had that LiveDrops starts without; told, and not raised to a person
└── StartFailed           exit code 1: a server or unit did not come up; carries the end of its log
"""

from pathlib import Path

# Enough to see a traceback's end or a server's complaint, and to fit a screen.
LOG_TAIL_LINES = 20


class StackError(Exception):
    """The stack could not do what was asked. The text is for people."""

    exit_code = 1


class SetupError(StackError):
    """This machine or a setting must change first. The text says exactly what to do."""

    exit_code = 2


class Unavailable(StackError):
    """A server can't be had here, and is left out. The text is one sentence that says why."""


class StartFailed(StackError):
    """A program did not become ready. The text ends with the last lines of its log, and where the log is."""

    def __init__(self, name: str, reason: str, log: Path) -> None:
        self.name = name
        super().__init__(f"{name} {reason}\n{tail(log, LOG_TAIL_LINES)}\nIts whole log: {log}")


def tail(log: Path, lines: int) -> str:
    """The last lines of a text file; nothing where there is no file."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        size = file.seek(0, 2)
        # A log line is short: 400 bytes a line is far more than enough, and bounds what is read of a large file.
        file.seek(max(0, size - lines * 400))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
