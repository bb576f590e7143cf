"""Make `.venv` with everything the lock names, so that `.venv/bin/livedrops` exists.

Run by the Makefile with the system's Python, before any dependency is there: standard library only.
Exit codes: 0 ready, 1 an installation failed, 2 this machine lacks something that a person must add.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

CLONE = Path(__file__).resolve().parent.parent
VENV = CLONE / ".venv"
PYTHON = VENV / "bin" / "python"
# Holds the digest of what the environment was made from. Written last: without it the environment is unfinished.
STAMP = VENV / "livedrops-stamp"
LOCK = CLONE / "requirements-dev.lock"
MINIMUM_VERSION = (3, 11)
# Which one makes a difference of a third in requests a second (Makefile): an environment of another one is made anew.
INTERPRETER = (sys.base_prefix, sys.version)
# The environment takes 350 MB, and pip unpacks wheels beside it first.
NEEDED_DISK_BYTES = 1_000_000_000
# On a slow line the download is most of this; past it something hangs.
STEP_DEADLINE_S = 1800


def main() -> None:
    """Bring `.venv` up to date. Does nothing, quickly, where it already is."""
    prefer_supported_python()
    with LOCK.open() as guard:
        # Two targets of make may run at once; the second waits and then finds the work done.
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not is_current():
            build()


def prefer_supported_python() -> None:
    """Go on under python3.11 where this interpreter is older; stop with exit code 2 where there is none."""
    if sys.version_info >= MINIMUM_VERSION:
        return
    better = shutil.which("python3.11")
    if better is None:
        refuse(
            f"Python 3.11 or later is needed; this is {sys.version.split()[0]}. On Debian 12: apt-get install python3.11 python3.11-venv"
        )
    os.execv(better, [better, *sys.argv])


def is_current() -> bool:
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted_stamp()


def wanted_stamp() -> str:
    """Digest of the lock, the project's metadata, the interpreter, and the path, which the environment's scripts contain."""
    digest = hashlib.sha256(f"{CLONE} {INTERPRETER}".encode())
    for name in (LOCK.name, "pyproject.toml", "setup.cfg"):
        file = CLONE / name
        digest.update(file.read_bytes() if file.exists() else b"")
    return digest.hexdigest()


def build() -> None:
    if shutil.disk_usage(CLONE).free < NEEDED_DISK_BYTES:
        refuse(f"{CLONE} has less than {NEEDED_DISK_BYTES // 1_000_000} MB free, which the Python environment needs.")
    STAMP.unlink(missing_ok=True)
    if not is_usable():
        step("make .venv", make_venv)
    try:
        install()
    except subprocess.CalledProcessError:
        # An environment that broke halfway can fail in many ways; a new one fails only for reasons of its own.
        step("make .venv again", make_venv)
        install()
    STAMP.write_text(wanted_stamp())


def is_usable() -> bool:
    """Whether what is there is this very Python with a working pip, made at this very path."""
    check = f"import sys, pip; sys.exit((sys.base_prefix, sys.version) != {INTERPRETER!r})"
    if not PYTHON.exists() or f"{VENV}" not in _text(VENV / "bin" / "pip"):
        return False
    return subprocess.run([PYTHON, "-c", check], capture_output=True, timeout=60).returncode == 0


def make_venv() -> None:
    if not has_ensurepip():
        install_venv_package()
    shutil.rmtree(VENV, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(VENV)])


def has_ensurepip() -> bool:
    """Debian ships python3 without it, and `python -m venv` then fails halfway."""
    return subprocess.run([sys.executable, "-c", "import ensurepip, venv"], capture_output=True, timeout=60).returncode == 0


def install_venv_package() -> None:
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        refuse(f"{sys.executable} cannot make virtual environments. Ask an administrator for: apt-get install {package}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "-q", "update"], environment)
    run(["apt-get", "-q", "-y", "--no-install-recommends", "install", package], environment)


def install() -> None:
    pip = [str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    step("install what requirements-dev.lock names", lambda: run([*pip, "--require-hashes", "-r", str(LOCK)]))
    step("install livedrops itself", lambda: run([*pip, "--no-deps", "--no-build-isolation", "-e", str(CLONE)]))


def run(command: Sequence[str], environment: Mapping[str, str] = os.environ) -> None:
    """Run without a keyboard. Raises CalledProcessError after showing what the command said."""
    result = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=STEP_DEADLINE_S,
    )
    if result.returncode != 0:
        sys.stderr.write(result.stdout[-4000:])
        result.check_returncode()


def step(title: str, work: Callable[[], None]) -> None:
    started = time.monotonic()
    work()
    print(f"  {title:<44} {time.monotonic() - started:6.1f} s", flush=True)


def refuse(reason: str) -> NoReturn:
    sys.stderr.write(f"{reason}\n")
    raise SystemExit(2)


def _text(file: Path) -> str:
    return file.read_text(errors="replace") if file.exists() else ""


if __name__ == "__main__":
    try:
        main()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"Preparing .venv failed: {error}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
