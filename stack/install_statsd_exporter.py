"""Installing statsd_exporter, which Debian does not have: built from the Go module proxy, whose checksum database vouches for what is built."""

import tempfile
from pathlib import Path

from stack.binaries import cache_folder, find
from stack.errors import SetupError, StackError
from stack.install import alone, run
from stack.install_go import go_environment, provide_go
from stack.progress import Progress, step

VERSION = "0.28.0"
_MODULE = f"github.com/prometheus/statsd_exporter@v{VERSION}"


def provide_statsd_exporter(progress: Progress) -> Path:
    """Where it is, after building it where it is missing. Raises SetupError, StackError."""
    found = find("statsd_exporter")
    if found:
        return found
    kept = cache_folder() / f"statsd_exporter-{VERSION}" / "statsd_exporter"
    with alone():
        if not kept.exists():
            with step(progress, "built statsd_exporter"):
                _build(kept, provide_go(progress))
    return kept


def _build(kept: Path, go: Path) -> None:
    """Beside its place, and put there when it is whole."""
    with tempfile.TemporaryDirectory(dir=cache_folder()) as scratch:
        out = Path(scratch) / "bin"
        environment = {**go_environment(go), "GOBIN": str(out), "GOFLAGS": "-trimpath"}
        try:
            run([str(go), "install", _MODULE], environment)
        except StackError as error:
            raise SetupError(f"statsd_exporter can't be built here; put it on PATH instead.\n{error}") from error
        out.rename(kept.parent)
