"""Installing Nomad, Consul and Nomad's autoscaler, which no package registry has as programs.

Their own sources come through the Go module proxy: a module of ours for each (stack/hashicorp) names one version and the digests of all that it is
made of. A person's own on PATH is used where it is new enough. Built once, and kept in the cache for all clones.
"""

import os
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stack.binaries import cache_folder, find
from stack.errors import SetupError, StackError
from stack.install import alone, free_mb, run
from stack.install_go import Version, go_environment, provide_go, version_of
from stack.progress import Progress, step

_MODULES = Path(__file__).with_name("hashicorp")
# Sources, what the compiler keeps of them, and the programs; the toolchain on top.
NEEDED_DISK_BYTES = 5_000_000_000


@dataclass(frozen=True)
class Built:
    """A program that is built from a module. oldest: the oldest version of a person's own that the jobs and configurations run with."""

    name: str
    version: str
    oldest: Version
    package: str
    tags: str = ""

    @property
    def place(self) -> Path:
        return cache_folder() / f"{self.name}-{self.version}"


PROGRAMS = (
    # The tags bring its pages for the browser, and leave out what only its makers need.
    Built("nomad", "1.11.3", (1, 9), "github.com/hashicorp/nomad", "ui codegen_generated hashicorpmetrics release"),
    Built("consul", "1.22.5", (1, 18), "github.com/hashicorp/consul"),
    Built("nomad-autoscaler", "0.4.7", (0, 4), "github.com/hashicorp/nomad-autoscaler"),
)


def provide_nomad(progress: Progress) -> dict[str, Path]:
    """Where each program is, after building what is missing, which takes some five minutes each. Raises SetupError."""
    missing = [program for program in PROGRAMS if _present(program) is None]
    if missing:
        with alone():
            _build_all([program for program in missing if _present(program) is None], progress)
    found = {program.name: _present(program) for program in PROGRAMS}
    return {name: place for name, place in found.items() if place is not None}


def _present(program: Built) -> Path | None:
    """The person's own where it is new enough, else ours where it was built."""
    own = find(program.name)
    if own is not None and version_of(own) >= program.oldest:
        return own
    return program.place if os.access(program.place, os.X_OK) else None


def _build_all(programs: list[Built], progress: Progress) -> None:
    """Raises SetupError that says what to do."""
    if not programs:
        return
    try:
        _check_possible()
        go = provide_go(progress)
        for program in programs:
            progress(f"  .. building {program.name} {program.version} from its sources: some five minutes, once")
            with step(progress, f"built {program.name} {program.version}"):
                _build(program, go)
    except (StackError, OSError) as error:
        wanted = ", ".join(f"{program.name} {'.'.join(map(str, program.oldest))}" for program in programs)
        raise SetupError(f"{_last_words(error)}\nThis needs {wanted} or later: put them on PATH, or mend that and try again.") from error


def _check_possible() -> None:
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "aarch64"):
        raise SetupError(f"Nomad is built for Linux on x86_64 and aarch64 only; this is {platform.system()} on {platform.machine()}.")
    if free_mb(cache_folder()) * 10**6 < NEEDED_DISK_BYTES:
        raise SetupError(
            f"{cache_folder()} has {free_mb(cache_folder())} MB free; building Nomad and Consul needs {NEEDED_DISK_BYTES // 10**6} MB."
        )


def _build(program: Built, go: Path) -> None:
    """Beside its place, and only then there: half a program is never found later."""
    with tempfile.TemporaryDirectory(dir=cache_folder()) as scratch:
        # A copy: the sources of a clone stay as they are, and an installed one may not be ours to write to.
        module = Path(shutil.copytree(_MODULES / program.name, Path(scratch) / "module"))
        draft = Path(scratch) / program.name
        command = [str(go), "build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w"]
        command += ["-tags", program.tags] if program.tags else []
        run([*command, "-o", str(draft), program.package], go_environment(go), module)
        draft.rename(program.place)


def _last_words(error: Exception) -> str:
    """What a failing build said last, or what is wrong in a sentence."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[0] if isinstance(error, SetupError) else f"{lines[0][:120]} {lines[-1][:300]}"
