"""The list of processes whose readiness is asked after: a file that the local stack writes once, and Consul's template again and again."""

from collections.abc import Iterable

import msgspec


class Probed(msgspec.Struct, frozen=True):
    """unit: of stack/units.py. process: one of its processes. url: what answers 200 where it can do its work."""

    unit: str
    process: str
    url: str


def render_units(units: Iterable[tuple[str, str, str]]) -> str:
    """The file's text. units: unit, process, url of each."""
    return msgspec.json.format(msgspec.json.encode([Probed(*one) for one in units]), indent=2).decode() + "\n"


def read_units(text: bytes) -> list[Probed]:
    """Raises msgspec.MsgspecError for what is no such file."""
    return msgspec.json.decode(text, type=list[Probed])
