"""The documents of the judged set: products of the catalogue generator, and those made by hand."""

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from cli.catalogue.making import Made, Shape, make_creator, make_products
from tests.relevance.rubric import SLOTS, Document

SHAPE = Shape(products=1_470, creators=56, seed=20_14)
# Every so many products have a drop, in turn live, to come, and over.
DROP_EVERY = 11
_WINDOWS = {"live": (-6, 48), "scheduled": (24, 72), "ended": (-96, -24)}
BY_HAND: dict[str, Any] = tomllib.loads((Path(__file__).parent / "by_hand.toml").read_text(encoding="utf-8"))


class Creator(msgspec.Struct, frozen=True):
    id: str
    name: str
    followers: int
    age_days: int


class Product(msgspec.Struct, frozen=True):
    """A line of products.jsonl: what is indexed. age_days: since it was created, from the moment of indexing."""

    id: str
    creator: str
    name: str
    description: str
    tags: list[str]
    amount: int
    currency: str
    age_days: int


class Drop(msgspec.Struct, frozen=True):
    """A drop of a product, from and until so many hours after the moment of indexing."""

    id: str
    product: str
    from_h: int
    until_h: int

    @property
    def live(self) -> bool:
        return self.from_h <= 0 < self.until_h


@dataclass(frozen=True)
class Collection:
    """documents: by product."""

    creators: list[Creator]
    products: list[Product]
    drops: list[Drop]
    documents: dict[str, Document]


def make_collection() -> Collection:
    chance = random.Random(SHAPE.seed)
    creators = [
        Creator(f"c{number}", make_creator(SHAPE, number).name, int(10 ** chance.uniform(0.5, 5)), chance.randint(200, 1500))
        for number in range(SHAPE.creators)
    ]
    creators += [Creator(each["id"], each["name"], each["followers"], 700) for each in BY_HAND["creators"]]
    pairs = [(_product(made, chance), _document(made)) for made in make_products(SHAPE)]
    drops = [
        Drop(f"d{number}", pairs[number * DROP_EVERY][0].id, *list(_WINDOWS.values())[number % len(_WINDOWS)])
        for number in range(len(pairs) // DROP_EVERY)
    ]
    pairs += _by_hand({creator.id: creator.name for creator in creators})
    for product, document in pairs:
        if document.twin == "sold":
            drops += [Drop(f"{product.id}-{state}", product.id, *_WINDOWS[state]) for state in ("live", "ended")]
    return Collection(creators, [product for product, _ in pairs], drops, {document.id: document for _, document in pairs})


def _product(made: Made, chance: random.Random) -> Product:
    creator = f"c{made.creator.key.split('-')[1]}"
    age = chance.randint(1, 400)
    return Product(f"p{made.number}", creator, made.name, made.description, made.tags, made.amount, made.currency, age)


def _document(made: Made) -> Document:
    of = made.traits
    traits = {slot: value for slot in SLOTS if (value := getattr(of, slot))}
    creator = f"c{made.creator.key.split('-')[1]}"
    return Document(
        f"p{made.number}", creator, made.creator.name, made.name, made.description, tuple(made.tags), of.language, traits, of.in_name
    )


def _by_hand(names: dict[str, str]) -> Iterator[tuple[Product, Document]]:
    for number, twins in enumerate(BY_HAND["twins"]):
        for popularity, creator in zip(("popular", "unpopular"), twins["creators"], strict=True):
            yield _made_by_hand(f"t{number}-{popularity}", twins | {"creator": creator, "twin": popularity}, names)
    for number, sold in enumerate(BY_HAND["live_and_over"]):
        yield _made_by_hand(f"s{number}", sold | {"twin": "sold"}, names)
    for number, trap in enumerate(BY_HAND["products"]):
        yield _made_by_hand(f"x{number}", trap, names)


def _made_by_hand(id: str, said: dict[str, Any], names: dict[str, str]) -> tuple[Product, Document]:
    traits = {slot: said[slot] for slot in SLOTS if slot in said}
    tags = said.get("tags", [])
    product = Product(id, said["creator"], said["name"], said["description"], tags, 3900, "EUR", 100)
    document = Document(
        id,
        said["creator"],
        names[said["creator"]],
        said["name"],
        said["description"],
        tuple(tags),
        said["language"],
        traits,
        frozenset(said.get("in_name", ["type"])),
        said.get("twin"),
    )
    return product, document
