"""Made-up catalogues: products of many creators in seven languages, with accents, near-duplicates and words that only a description has.

A catalogue is the same for the same shape, and comes product by product: nothing is remembered of those before. Products of a creator come
one behind the other, as they do in a shop's own export, and creators have ever more of them.
"""

import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from string import Formatter

from cli.catalogue.words import LANGUAGES, Language, language, things

# A model comes in up to so many colours and sizes: near-duplicates, as in any shop.
VARIANTS = 3
# Of a hundred models, how many have the trait.
_HAS_FEATURE, _HAS_COMPANION, _HAS_STYLE, _SIZE_IN_NAME = 0.35, 0.1, 0.6, 0.5
# Zloty buy less than pounds: prices look like those of a shop there.
_PRICE_FACTOR = {"PLN": 4}


@dataclass(frozen=True)
class Shape:
    """Raises ValueError for a catalogue that has no creator, or fewer models (of VARIANTS products each) than creators."""

    products: int
    creators: int
    seed: int

    def __post_init__(self) -> None:
        if not 1 <= self.creators <= self.models:
            raise ValueError(f"{self.products} products are {self.models} models: too few for {self.creators} creators with one each.")

    @property
    def models(self) -> int:
        return -(-self.products // VARIANTS)


@dataclass(frozen=True)
class Creator:
    """key: names the creator in the catalogue; names of people may come twice."""

    key: str
    name: str
    language: str
    brands: tuple[str, ...]


@dataclass(frozen=True)
class Traits:
    """What a product is, apart from how it is told. in_name: which of the others its name says. mentioned: a type that it is not."""

    language: str
    type: str
    brand: str
    line: str
    colour: str
    material: str
    size: str | None
    style: str | None
    feature: str | None
    mentioned: str | None
    in_name: frozenset[str]


@dataclass(frozen=True)
class Made:
    """A product of the catalogue. amount: minor units."""

    number: int
    creator: Creator
    name: str
    description: str
    tags: list[str]
    amount: int
    currency: str
    traits: Traits = field(repr=False)


def make_products(shape: Shape) -> Iterator[Made]:
    for number in range(shape.products):
        yield make_product(shape, number)


def make_product(shape: Shape, number: int) -> Made:
    """The product of that number, from 0."""
    model = _model(shape, number // VARIANTS)
    traits, words = model.variant(number % VARIANTS), language(model.creator.language)
    currency = words.written.currency
    return Made(
        number=number,
        creator=model.creator,
        name=_name(words, traits, model.pattern),
        description=_description(words, traits, model.sentences),
        tags=_tags(words, traits),
        amount=model.price * 100 * _PRICE_FACTOR.get(currency, 1) - 1,
        currency=currency,
        traits=traits,
    )


def creator_of(shape: Shape, model: int) -> int:
    return bisect_right(_first_models(shape), model) - 1


@lru_cache(maxsize=4)
def _first_models(shape: Shape) -> list[int]:
    """By creator: half of the models are shared out evenly, and of the rest each creator gets a little more than the one before."""
    even = max(1, shape.models // (2 * shape.creators))
    rest = shape.models - even * shape.creators
    return [even * number + rest * number * number // shape.creators**2 for number in range(shape.creators)]


@lru_cache(maxsize=64)
def make_creator(shape: Shape, number: int) -> Creator:
    chance = random.Random(f"{shape.seed}:creator:{number}")
    words = language(LANGUAGES[number % len(LANGUAGES)])
    names = {"first": chance.choice(words.written.first), "last": chance.choice(words.written.last)}
    brands = tuple(chance.choice(things().brand_beginnings) + chance.choice(things().brand_ends) for _ in range(2))
    return Creator(f"creator-{number}", chance.choice(words.written.studios).format(**names), words.code, brands)


@dataclass(frozen=True)
class _Model:
    """What variants have in common. traits: those of the first variant. price: in whole units."""

    creator: Creator
    traits: Traits
    colours: list[str]
    sizes: list[str | None]
    pattern: str
    sentences: list[str]
    price: int

    def variant(self, number: int) -> Traits:
        return replace(self.traits, colour=self.colours[number], size=self.sizes[number])


# Variants are made one behind the other: a model is drawn once for all of them.
@lru_cache(maxsize=VARIANTS)
def _model(shape: Shape, number: int) -> _Model:
    chance = random.Random(f"{shape.seed}:model:{number}")
    creator = make_creator(shape, creator_of(shape, number))
    words, all = language(creator.language), things()
    type = chance.choice(tuple(all.group_of))
    group = all.groups[all.group_of[type]]
    pattern = chance.choice(words.written.name_patterns)
    size_in_name = bool(group.sizes) and chance.random() < _SIZE_IN_NAME
    # Samples and not a draw for each variant: variants of a model differ.
    colours = chance.sample(tuple(words.colours), VARIANTS)
    sizes: list[str | None] = [*chance.sample(group.sizes, VARIANTS)] if group.sizes else [None] * VARIANTS
    traits = Traits(
        language=creator.language,
        type=type,
        brand=chance.choice(creator.brands),
        line=chance.choice(words.written.lines),
        colour=colours[0],
        material=chance.choice(group.materials),
        size=sizes[0],
        style=chance.choice(all.styles) if chance.random() < _HAS_STYLE else None,
        feature=chance.choice(tuple(words.features)) if chance.random() < _HAS_FEATURE else None,
        mentioned=chance.choice([other for other in all.group_of if other != type]) if chance.random() < _HAS_COMPANION else None,
        in_name=_slots_of(pattern) | ({"size"} if size_in_name else frozenset()),
    )
    return _Model(creator, traits, colours, sizes, pattern, chance.sample(words.written.sentences, 2), chance.randint(*group.price))


@cache
def _slots_of(pattern: str) -> frozenset[str]:
    """What a name of this pattern says."""
    return frozenset(slot for _, slot, _, _ in Formatter().parse(pattern) if slot)


def _name(words: Language, traits: Traits, pattern: str) -> str:
    said = pattern.format(
        brand=traits.brand,
        line=traits.line,
        colour=words.colour(traits.colour, traits.type),
        material=words.written.materials[traits.material],
        type=words.types[traits.type].sold,
    )
    if traits.size and "size" in traits.in_name:
        said += f", {words.written.size.format(size=traits.size)}"
    return said[0].upper() + said[1:]


def _description(words: Language, traits: Traits, sentences: list[str]) -> str:
    """Two sentences of no weight, then what the name leaves out, and what nothing else says."""
    written = words.written
    facts = {
        "colour": written.in_colour.format(colour=words.colour(traits.colour, traits.type)),
        "material": written.in_material.format(material=written.materials[traits.material]),
        "brand": written.by_brand.format(brand=traits.brand),
        "size": written.in_size.format(size=traits.size, size_words=written.size.format(size=traits.size)) if traits.size else "",
    }
    told = [sentence.format(type=words.types[traits.type].sold) for sentence in sentences]
    told += [fact for slot, fact in facts.items() if slot not in traits.in_name and fact]
    if traits.feature:
        told.append(words.features[traits.feature][0])
    if traits.mentioned:
        told.append(written.companion.format(other=words.types[traits.mentioned].other))
    return " ".join(told)


def _tags(words: Language, traits: Traits) -> list[str]:
    """The type as it is not sold, and a style. A tag has no comma."""
    return [words.types[traits.type].other.casefold()] + ([traits.style] if traits.style else [])
