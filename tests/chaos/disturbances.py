"""What goes wrong in these tests, each as a block after which all is as before."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.database import Database

from services.kernel.failpoints import KNOWN
from stack.api import Stack
from stack.instance import CLONE
from stack.units import unit_of
from tests.conftest import eventually

APT_DEADLINE_S = 300
SLOW_S = 2.0
# A lease's life, a stand-by's next look, and its first round.
TAKEN_OVER_WITHIN_S = 5.0


@contextmanager
def running_with(stack: Stack, extra: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
    """Run units with more environment variables for the block. extra: by unit."""
    try:
        for unit, variables in extra.items():
            stack.set_environment(unit, variables)
        for unit in extra:
            stack.wait_ready(unit)
        yield
    finally:
        for unit in extra:
            stack.clear_environment(unit)
        for unit in extra:
            stack.wait_ready(unit)


@dataclass(frozen=True)
class Failpoints:
    """Places of the code at which a process dies, armed for all units that have them. folder: holds a file for each."""

    folder: Path

    def environment(self) -> dict[str, str]:
        return {"LIVEDROPS_FAILPOINTS": ",".join(f"{name}={self.folder / name}" for name in KNOWN)}

    def arm(self, name: str) -> None:
        """Let the next process that comes to this place die there."""
        (self.folder / name).write_bytes(b"x")

    def wait_for_death(self, name: str) -> None:
        """Until one has died at this place."""
        eventually(lambda: not (self.folder / name).stat().st_size, timeout_s=30)

    def kill_at(self, name: str) -> None:
        """Let the next process that comes to this place die there, and wait until one has."""
        self.arm(name)
        self.wait_for_death(name)


@contextmanager
def stopped(stack: Stack, name: str) -> Iterator[None]:
    """Stop a server or unit for the block."""
    stack.stop(name)
    try:
        yield
    finally:
        stack.start(name)
        stack.wait_ready(name)


@contextmanager
def paused(pid: int) -> Iterator[float]:
    """Stop a process for the block, as a machine that hangs would. Yields when, on time.monotonic()."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield time.monotonic()
    finally:
        os.kill(pid, signal.SIGCONT)


def stop_inside_a_transaction(store: Database[dict[str, Any]], pid: int) -> None:
    """Stop (SIGSTOP) the process at a moment at which a transaction is open in the store. It must be the only one to make any."""

    def is_stopped_inside() -> bool:
        os.kill(pid, signal.SIGSTOP)
        if _idle_transactions(store):
            return True
        os.kill(pid, signal.SIGCONT)
        return False

    eventually(is_stopped_inside, timeout_s=30, every_s=0.01)


def _idle_transactions(store: Database[dict[str, Any]]) -> list[dict[str, Any]]:
    """Transactions that wait for their client."""
    idle = {"type": "idleSession", "transaction.parameters.autocommit": False}
    return list(store.client.admin.aggregate([{"$currentOp": {"idleSessions": True, "allUsers": True}}, {"$match": idle}]))


@contextmanager
def second_process(stack: Stack, name: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One process more of a unit for the block, beside those of the stack. folder: for its log."""
    unit = unit_of(name, stack.units)
    assert unit is not None
    command = [part.replace("{python}", sys.executable) for part in unit.command]
    environment = os.environ | stack.environment(name) | {"LIVEDROPS_HTTP_PORT": "0"}
    with (folder / f"second-{name}.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=CLONE, stdout=log, stderr=log)
    try:
        yield process
    finally:
        for number in (signal.SIGCONT, signal.SIGTERM):
            process.send_signal(number)
        process.wait(20)


def pid_of(holder: str) -> int:
    """The process that a lease names as its holder: host:pid:random."""
    return int(holder.split(":")[-2])


@contextmanager
def slow_redis(url: str) -> Iterator[None]:
    """Redis answers all commands of up to SLOW_S seconds together, when they are over, for the block."""
    done = threading.Event()
    client = redis.Redis.from_url(url, socket_timeout=3 * SLOW_S)

    def hold_up() -> None:
        # A pause holds up the next request for one as well: they follow each other without a gap.
        while not done.is_set():
            client.client_pause(int(SLOW_S * 1000), all=True)

    thread = threading.Thread(target=hold_up, name="slow redis")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        client.ping()  # answered when the last pause is over
        client.close()


def false_clock(offset: str) -> dict[str, str]:
    """Environment of a process whose clock is off. offset: as libfaketime takes it, "+1h" or "-1h".

    The monotonic clock stays right, as it does on a machine whose time of day is wrong.
    """
    return {"LD_PRELOAD": str(_libfaketime()), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def _libfaketime() -> Path:
    found = _find_libfaketime()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["-y", "--no-install-recommends", "install", "libfaketime"]):
            # Somebody else may be installing: their lock is waited for.
            apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *command]
            subprocess.run(apt, env=environment, check=True, capture_output=True, timeout=APT_DEADLINE_S)
        found = _find_libfaketime()
    if found is None:
        pytest.fail("libfaketime is not installed. Ask an administrator for: apt-get install libfaketime")
    return found


def _find_libfaketime() -> Path | None:
    """The one that is safe in programs with threads."""
    for folder in (Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib")):
        for file in sorted(folder.glob("**/faketime/libfaketimeMT.so.1")):
            return file
    return None
