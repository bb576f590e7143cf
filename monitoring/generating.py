"""The files that are made from this package and kept beside it, for people to read and for promtool and Grafana to take."""

from pathlib import Path

from monitoring.alerts import rule_files
from monitoring.boards import grafana_files, page_files
from monitoring.pace import Pace

_HERE = Path(__file__).resolve().parent


def made_files() -> dict[Path, str]:
    """Text by place."""
    folders = {"rules": rule_files(Pace()), "grafana": grafana_files(), "pages": page_files()}
    return {_HERE / folder / name: text for folder, files in folders.items() for name, text in files.items()}


def changed_files() -> list[Path]:
    """Those whose text is not what is made now."""
    return [file for file, text in made_files().items() if not file.exists() or file.read_text() != text]


def write_files() -> None:
    for file, text in made_files().items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
