"""The judged set as it is checked in."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec

from tests.relevance.make_set import DATA, Query
from tests.relevance.making import Creator, Drop, Product

Line = TypeVar("Line", bound=msgspec.Struct)


@dataclass(frozen=True)
class JudgedSet:
    creators: list[Creator]
    products: list[Product]
    drops: list[Drop]
    queries: list[Query]


@cache
def load(folder: Path = DATA) -> JudgedSet:
    return JudgedSet(
        _read(folder / "creators.jsonl", Creator),
        _read(folder / "products.jsonl", Product),
        _read(folder / "drops.jsonl", Drop),
        _read(folder / "queries.jsonl", Query),
    )


def _read(path: Path, type: type[Line]) -> list[Line]:
    return [msgspec.json.decode(line, type=type) for line in path.read_bytes().splitlines()]
