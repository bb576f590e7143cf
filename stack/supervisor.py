"""Talking to supervisord, the existing supervisor that keeps servers and units running.

One supervisord for each instance, spoken to over a unix socket that only its owner may open.
"""

import http.client
import socket
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy, Transport

from stack import processes
from stack.errors import StackError, StartFailed
from stack.instance import Instance
from stack.waiting import wait_until

# supervisord answers in milliseconds; past this it hangs.
CALL_DEADLINE_S = 10
# Python and supervisor's imports on a cold disk.
LAUNCH_DEADLINE_S = 30
# supervisord's own numbers: https://supervisord.org/api.html
_ALREADY_STARTED, _NOT_RUNNING = 60, 70


@dataclass(frozen=True)
class ProcessState:
    """What supervisord knows of a program. state: STOPPED STARTING RUNNING BACKOFF STOPPING EXITED FATAL.

    started: Unix seconds of its last start; now: Unix seconds when it was asked.
    """

    name: str
    state: str
    pid: int
    started: int
    now: int

    @property
    def is_down(self) -> bool:
        return self.state in ("STOPPED", "EXITED", "FATAL")


class Supervisor:
    """The supervisord of one instance, running or not."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._socket = instance.sockets / "supervisor.sock"
        self.conf = instance.state / "supervisord.conf"

    def launch(self, environment: Mapping[str, str]) -> None:
        """Start supervisord in the background. Raises StartFailed."""
        log = self._instance.logs / "supervisord.log"
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.conf)]
        result = subprocess.run(
            command,
            env=environment,
            cwd=self._instance.state,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LAUNCH_DEADLINE_S,
        )
        if result.returncode != 0:
            raise StartFailed("supervisord", f"did not start: {result.stderr.strip()}", log)
        if not wait_until(self.is_alive, LAUNCH_DEADLINE_S):
            raise StartFailed("supervisord", "does not answer", log)

    def is_alive(self) -> bool:
        """Whether it answers, and is not already going."""
        try:
            self._call("getState")
        except (OSError, Fault):
            return False
        return True

    def states(self) -> dict[str, ProcessState]:
        """Every program, by name."""
        rows: list[dict[str, Any]] = self._call("getAllProcessInfo")
        return {row["name"]: ProcessState(row["name"], row["statename"], row["pid"], row["start"], row["now"]) for row in rows}

    def start(self, names: Collection[str]) -> None:
        """Start programs without waiting for them; those that run stay as they are."""
        for name in names:
            self._tell("startProcess", name, harmless=_ALREADY_STARTED)

    def stop(self, names: Collection[str], timeout_s: float) -> None:
        """Stop programs, side by side, and wait. supervisord kills what ignores its signal. Raises StackError past the deadline."""
        for name in names:
            self._tell("stopProcess", name, harmless=_NOT_RUNNING)
        if not wait_until(lambda: all(self.states()[name].is_down for name in names), timeout_s):
            raise StackError(
                f"Did not stop within {timeout_s:.0f} s: {', '.join(name for name in names if not self.states()[name].is_down)}"
            )

    def shutdown(self) -> None:
        """End supervisord itself, and wait for it. What it still runs is stopped first."""
        pid = int(self._call("getPID"))
        self._call("shutdown")
        if not wait_until(lambda: not processes.is_alive(pid), LAUNCH_DEADLINE_S):
            raise StackError(f"supervisord (pid {pid}) did not end within {LAUNCH_DEADLINE_S} s")

    def _tell(self, method: str, name: str, harmless: int) -> None:
        try:
            self._call(method, name, False)
        except Fault as fault:
            if fault.faultCode != harmless:
                raise StackError(f"supervisord refused {method} {name}: {fault.faultString}") from fault

    def _call(self, method: str, *arguments: object) -> Any:
        with ServerProxy("http://localhost", transport=_UnixTransport(self._socket)) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=CALL_DEADLINE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(CALL_DEADLINE_S)
        self.sock.connect(str(self._path))


class _UnixTransport(Transport):
    """XML-RPC over a unix socket. supervisor brings one, but without a deadline."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _UnixConnection(self._path)
        # Where Transport.close looks for what it has to close.
        self._connection = (host, connection)
        return connection
