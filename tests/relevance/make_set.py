"""Makes the judged set anew: python -m tests.relevance.make_set

Documents and queries by seed, grades by the rubric, then the corrections that people made by hand. The files in data/ are the truth: a
change of the generator changes them only where somebody runs this and looks at what comes of it.
"""

import random
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from tests.relevance import rubric
from tests.relevance.asking import Asked, Asking
from tests.relevance.making import SHAPE, Collection, make_collection
from tests.relevance.rubric import Intent

DATA = Path(__file__).parent / "data"
CORRECTIONS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "corrections.toml").read_text(encoding="utf-8"))


class Query(msgspec.Struct, frozen=True, rename={"kind": "class"}):
    """A line of queries.jsonl. grades: by document, without those of 0. split: tune or held_out."""

    id: str
    kind: str
    split: str
    text: str
    intent: Intent
    grades: dict[str, int]


def make_queries(collection: Collection) -> list[Query]:
    asked = list(Asking(collection, SHAPE.seed).queries())
    splits = _splits(asked)
    return [
        Query(f"q{number}", each.kind, splits[number], each.text, each.intent, _corrected(each.text, grades_of(each.intent, collection)))
        for number, each in enumerate(asked)
    ]


def grades_of(intent: Intent, collection: Collection) -> dict[str, int]:
    grades = {id: rubric.grade_product(intent, document) for id, document in collection.documents.items()}
    grades |= {drop.id: rubric.grade_drop(intent, collection.documents[drop.product], drop.live) for drop in collection.drops}
    meant = next((creator.name for creator in collection.creators if creator.id == intent.creator), None)
    grades |= {creator.id: rubric.grade_creator(intent, creator.id, creator.name, meant) for creator in collection.creators}
    return {id: grade for id, grade in grades.items() if grade}


def _corrected(text: str, grades: dict[str, int]) -> dict[str, int]:
    return {id: grade for id, grade in (grades | CORRECTIONS.get(text, {})).items() if grade}


def _splits(asked: list[Asked]) -> list[str]:
    """Half of each class is held out, by lot."""
    chance, splits = random.Random(SHAPE.seed), ["tune"] * len(asked)
    for place, kind in enumerate(dict.fromkeys(each.kind for each in asked)):
        numbers = [number for number, each in enumerate(asked) if each.kind == kind]
        chance.shuffle(numbers)
        # Of an odd number, the one over goes to either half in turn.
        for number in numbers[: (len(numbers) + place % 2) // 2]:
            splits[number] = "held_out"
    return splits


def _write(name: str, lines: Iterable[msgspec.Struct]) -> None:
    (DATA / name).write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def main() -> None:
    collection = make_collection()
    _write("creators.jsonl", collection.creators)
    _write("products.jsonl", collection.products)
    _write("drops.jsonl", collection.drops)
    _write("queries.jsonl", make_queries(collection))


if __name__ == "__main__":
    main()
