"""Processes as /proc shows them: whose they are, what they take, and stopping them by pid. Linux only."""

import os
import signal
from collections.abc import Collection, Iterator
from pathlib import Path

from stack.waiting import wait_until

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def is_alive(pid: int) -> bool:
    """False for a zombie too: it runs nothing any more, and goes when its parent looks."""
    try:
        return _stat(pid)[0] not in "ZX"
    except OSError:
        return False


def of_instance(marker: str, postgres_data: Collection[Path]) -> list[int]:
    """Pids of everything that was started for an instance, whatever became of whoever started it.

    A process inherits the marker in its environment. PostgreSQL's children write their titles over theirs, so they are
    recognised by their program and folder.
    """
    ours = (pid for pid in _all_pids() if _is_marked(pid, marker.encode()) or _is_postgres_in(pid, postgres_data))
    return [pid for pid in ours if pid != os.getpid()]


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    children: dict[int, list[int]] = {}
    for other in _all_pids():
        try:
            children.setdefault(int(_stat(other)[1]), []).append(other)
        except OSError:
            continue  # It ended while we looked.
    found = [pid]
    for parent in found:
        found.extend(children.get(parent, []))
    return found


def resident_bytes(pids: Collection[int]) -> int:
    """Their resident memory together; pages shared between them count once for each."""
    total = 0
    for pid in pids:
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
        except OSError:
            continue
    return total


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def stop_all(pids: Collection[int], grace_s: float) -> bool:
    """Ask each to end, kill what has not after the grace. False where something would not go."""
    _signal(pids, signal.SIGTERM)
    if wait_until(lambda: not any(map(is_alive, pids)), grace_s):
        return True
    _signal([pid for pid in pids if is_alive(pid)], signal.SIGKILL)
    return wait_until(lambda: not any(map(is_alive, pids)), timeout_s=5)


def listener_of(port: int) -> int | None:
    """The pid that listens on a TCP port; None where nobody does, or where we may not see who."""
    inodes = set(_listening_inodes(port))
    for pid in _all_pids() if inodes else ():
        if inodes & set(_socket_inodes(pid)):
            return pid
    return None


def _signal(pids: Collection[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _all_pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; the command name before them may contain anything."""
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()


def _is_marked(pid: int, marker: bytes) -> bool:
    try:
        return marker in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False  # It ended, or is somebody else's.


def _is_postgres_in(pid: int, folders: Collection[Path]) -> bool:
    try:
        program, folder = os.readlink(f"/proc/{pid}/exe"), os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return False
    return "/postgres" in program and Path(folder) in folders


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            # 0A is LISTEN; the address is hexadecimal, with the port after the colon.
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _socket_inodes(pid: int) -> Iterator[str]:
    try:
        # Closed by hand: who has found what it looks for does not come to the end.
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                target = os.readlink(entry.path)
                if target.startswith("socket:["):
                    yield target[8:-1]
    except OSError:
        return
