"""What an ordinary Elasticsearch has and the one from Maven Central lacks, as a plugin of a few Java files beside this one.

It restores token filters, tokenizers, char filters and analyzers under their stock names, and GET /. So a mapping made here runs
unchanged on an ordinary Elasticsearch, which needs no plugin.
"""

import hashlib
import subprocess
from pathlib import Path

from stack.errors import StackError

NAME = "livedrops-stock-analysis"
_SOURCES = Path(__file__).parent
# Two seconds on an idle machine.
_COMPILE_DEADLINE_S = 300

# Elasticsearch refuses a plugin that was made for any other version than its own.
_DESCRIPTOR = """\
name={name}
description=Stock analysis and GET / for the Elasticsearch from Maven Central
version=1.0.0
elasticsearch.version={version}
java.version=17
classname=livedrops.StockAnalysisPlugin
"""


def sources() -> list[Path]:
    return sorted(_SOURCES.glob("*.java"))


def digest(version: str) -> str:
    """Changes whenever the compiled plugin would. version: of the server that it is for."""
    content = hashlib.sha256(_DESCRIPTOR.format(name=NAME, version=version).encode())
    for source in sources():
        content.update(source.read_bytes())
    return content.hexdigest()[:12]


def compile_into(home: Path, version: str, jdk: Path) -> None:
    """Put the compiled plugin into an Elasticsearch. home: where that lies; jdk: JDK 17 or later. Raises StackError."""
    folder = home / "plugins" / NAME
    classes = folder / "classes"
    classes.mkdir(parents=True)
    _run([f"{jdk}/bin/javac", "--release", "17", "-nowarn", "-cp", f"{home}/lib/*", "-d", str(classes), *map(str, sources())])
    # Elasticsearch loads jars only, and refuses anything else beside them.
    _run([f"{jdk}/bin/jar", "--create", "--file", str(folder / f"{NAME}.jar"), "-C", str(classes), "."])
    _run(["rm", "-r", str(classes)])
    (folder / "plugin-descriptor.properties").write_text(_DESCRIPTOR.format(name=NAME, version=version))


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, timeout=_COMPILE_DEADLINE_S)
    if result.returncode != 0:
        raise StackError(f"{command[0]} failed with code {result.returncode}:\n{result.stderr[-2000:]}")
