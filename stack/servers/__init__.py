"""The servers that units need, one module each, all behind the same small interface."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stack.credentials import Credentials
from stack.instance import Instance
from stack.programs import Program


@dataclass(frozen=True)
class Site:
    """What a server is set up with. binaries: where each executable is; base: the environment that every process gets."""

    instance: Instance
    ports: Mapping[str, int]
    credentials: Credentials
    binaries: Mapping[str, Path]
    base: Mapping[str, str]


class Server(Protocol):
    """One server of an instance. Making one does nothing; every method may be called again."""

    name: str

    def files(self) -> dict[Path, str]:
        """Its configuration files. A running server whose files would change is stopped and started anew."""
        ...

    def programs(self) -> tuple[Program, ...]:
        """What runs it, in the order of starting."""
        ...

    def prepare(self) -> None:
        """Make its data folder while it is not running."""
        ...

    def is_ready(self) -> bool:
        """Whether it serves. Called again and again while it starts; may set up what only a running server can."""
        ...


ServerMaker = Callable[[Site], Server]
