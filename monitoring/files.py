"""YAML as people read it."""

from typing import Any

import yaml


class _Text(yaml.SafeDumper):
    """Long expressions stay in one piece, and several lines are shown as lines."""


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Text.add_representer(str, _string)


def as_yaml(document: Any, made_by: str) -> str:
    """made_by: the module, for whoever would change the file instead."""
    text: str = yaml.dump(document, Dumper=_Text, sort_keys=False, width=1000, allow_unicode=True)
    return f"# Made by {made_by}: changes belong there.\n{text}"
