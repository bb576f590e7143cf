"""All of LiveDrops in one file, which every job fetches: code, libraries as requirements.lock has them with their hashes, and how to start.

Two steps, because libraries change seldom: they are packed once for all clones, and the code on top of them. The name of a file says what is in it,
so what is there need not be made again, and Nomad sees by the address whether a job is another one. https://docs.pex-tool.org
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stack.binaries import cache_folder
from stack.install import alone, run
from stack.instance import CLONE
from stack.progress import Progress, step

PACKAGES = ("cli", "gateway", "monitoring", "services", "stack", "storefront")
_LOCK = CLONE / "requirements.lock"
_WANTED = CLONE / "requirements.in"
# What is made by running, and no source.
_LEFT_OUT = ("__pycache__", "*.pyc")
# How it is made: a change of this makes another file.
_FORM = ("--venv", "--sh-boot", "--python-shebang", "/usr/bin/env python3.11")
# Files of earlier versions that stay, to go back to.
KEPT = 5


def pack(folder: Path, progress: Progress) -> Path:
    """The artifact of the code of now, made where it is not there. Raises StackError."""
    folder.mkdir(mode=0o755, exist_ok=True)
    artifact = folder / f"livedrops-{digest()}.pex"
    if not artifact.exists():
        libraries = _libraries(progress)
        with step(progress, "packed the artifact"), tempfile.TemporaryDirectory(dir=folder) as scratch:
            sources = Path(scratch) / "sources"
            for package in PACKAGES:
                shutil.copytree(CLONE / package, sources / package, ignore=shutil.ignore_patterns(*_LEFT_OUT))
            draft = Path(scratch) / artifact.name
            _pex("--pex-repository", str(libraries), *_names(), "--sources-directory", str(sources), *_FORM, "--output-file", str(draft))
            draft.chmod(0o644)
            draft.rename(artifact)
        _forget_old(folder)
    return artifact


def digest() -> str:
    """Of everything that goes in."""
    summary = hashlib.sha256("\0".join((*_FORM, sys.version, _LOCK.read_text())).encode())
    for file in _sources():
        summary.update(f"{file.relative_to(CLONE)}\0".encode() + file.read_bytes())
    return summary.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted(file for file in (CLONE / package).rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _libraries(progress: Progress) -> Path:
    """Checked against their hashes while they are fetched; a code change needs none of that."""
    name = hashlib.sha256((sys.version + _LOCK.read_text()).encode()).hexdigest()[:16]
    libraries = cache_folder() / f"libraries-{name}.pex"
    if not libraries.exists():
        with alone(), step(progress, "packed the libraries"), tempfile.TemporaryDirectory(dir=cache_folder()) as scratch:
            draft = Path(scratch) / libraries.name
            _pex("--requirement", str(_LOCK), "--no-compress", "--output-file", str(draft))
            draft.rename(libraries)
    return libraries


def _pex(*arguments: str) -> None:
    environment = os.environ | {"PEX_ROOT": str(cache_folder() / "pex")}
    run([sys.executable, "-m", "pex", *arguments], environment)


def _names() -> list[str]:
    """What LiveDrops itself asks for; what that needs is in the libraries, too."""
    lines = (line.partition("#")[0].strip() for line in _WANTED.read_text().splitlines())
    return [line for line in lines if line]


def _forget_old(folder: Path) -> None:
    files = sorted(folder.glob("livedrops-*.pex"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[KEPT:]:
        file.unlink(missing_ok=True)
