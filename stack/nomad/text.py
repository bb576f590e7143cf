"""Filling templates whose own text is full of dollars and braces."""

from pathlib import Path
from string import Template

TEMPLATES = Path(__file__).with_name("templates")


class _AtTemplate(Template):
    """@name is a place; a dollar means what HCL takes it for."""

    delimiter = "@"


def fill(file: Path, **values: object) -> str:
    """Raises KeyError for a place without a value."""
    return _AtTemplate(file.read_text()).substitute(values)


def indented(text: str, spaces: int) -> str:
    """Every line but the empty ones moved to the right."""
    return "\n".join(" " * spaces + line if line else line for line in text.splitlines())
