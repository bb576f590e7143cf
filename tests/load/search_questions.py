"""What the search benchmark asks: thousands of different texts of each kind, so that no cache of pages answers for Elasticsearch."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cli.catalogue.making import Made, Shape, make_product
from cli.catalogue.words import LANGUAGES, language

FULL_TEXT, TYPOS, PREFIX, FILTERED, DEEP, CACHED = "full text", "typos", "prefix", "filtered", "page 50", "the same again"
# As many as a client gets that does not say how many.
PAGE = 20
DEEP_PAGE = 50
SUGGESTED = 8
SEARCH = """query S($text:String!,$first:Int!,$after:String,$filter:SearchFilter,$sort:SearchSort!){search(text:$text,first:$first,after:$after,
  filter:$filter,sort:$sort){edges{node{kind id name creatorName followerCount price{amount currency}}} totalCount degraded
  pageInfo{endCursor hasNextPage}}}"""
SUGGEST = "query P($text:String!,$first:Int!){suggest(text:$text,first:$first){degraded suggestions{kind id text}}}"
# Of every good answer: a degraded one comes from PostgreSQL, and measures something else.
GOOD = '"degraded":false'
# What most of a catalogue's products are within, and many are not.
FILTER = {"kinds": ["PRODUCT"], "currency": "EUR", "minPrice": 2_000, "maxPrice": 12_000}


@dataclass(frozen=True)
class Asked:
    """One asking. The variables are those of the GraphQL operation."""

    operation: str
    variables: Mapping[str, Any]

    @property
    def body(self) -> str:
        return json.dumps({"query": self.operation, "variables": self.variables})

    @property
    def value(self) -> str:
        """For the load generator: what is put into `template`."""
        return json.dumps(self.variables)


class Straight(Protocol):
    """Elasticsearch without us in between."""

    def put(self, asked: Asked) -> object:
        """Ask the same there: the very body that the search service sends for it, a cursor's place with it."""


@dataclass(frozen=True)
class Question:
    """name: of the row. askings: all different, in a random order."""

    name: str
    operation: str
    askings: list[Asked]

    @property
    def template(self) -> str:
        """A request's body for the load generator."""
        return json.dumps({"query": self.operation, "variables": "VARIABLES"}).replace('"VARIABLES"', "{value}")


def search(text: str, after: str | None = None, **more: Any) -> Asked:
    return Asked(SEARCH, {"text": text, "first": PAGE, "after": after, "filter": None, "sort": "RELEVANCE", **more})


def suggest(text: str) -> Asked:
    return Asked(SUGGEST, {"text": text, "first": SUGGESTED})


def questions(shape: Shape, count: int, seed: int) -> list[Question]:
    """Each with `count` askings about the catalogue of that shape; without the deep pages, whose cursors an engine gives."""
    chance = random.Random(seed)

    def different(make: Callable[[Made], Asked | None]) -> list[Asked]:
        made = dict[str, Asked]()
        while len(made) < count:
            asked = make(make_product(shape, chance.randrange(shape.products)))
            if asked:
                made[asked.value] = asked
        return list(made.values())

    return [
        Question(FULL_TEXT, SEARCH, different(lambda made: search(_words(made, chance)))),
        Question(TYPOS, SEARCH, different(lambda made: search(_misspelt(_words(made, chance), chance)))),
        Question(PREFIX, SUGGEST, different(lambda made: suggest(_beginning(made, chance)))),
        Question(FILTERED, SEARCH, different(lambda made: search(_words(made, chance), filter=FILTER))),
    ]


def common_words() -> list[str]:
    """Words that a quarter of a language's products have, each language's in turn: one of each sentence that says little."""
    turns = zip(*(language(code).written.sentences for code in LANGUAGES), strict=True)
    words = (max(sentence.strip(".").format(type="").split(), key=len) for sentences in turns for sentence in sentences)
    return list(dict.fromkeys(words))


def _words(made: Made, chance: random.Random) -> str:
    """Two or three words of a product, as a person would type them."""
    traits, words = made.traits, language(made.creator.language)
    said = {
        "brand": traits.brand,
        "line": traits.line,
        "colour": words.colour(traits.colour, traits.type),
        "type": words.types[traits.type].sold,
    }
    return " ".join(said[slot] for slot in chance.sample(list(said), chance.choice([2, 3])))


def _misspelt(text: str, chance: random.Random) -> str:
    """One letter of the longest word replaced, left out or swapped with the next."""
    word = max(text.split(), key=len)
    at = chance.randrange(1, max(2, len(word) - 1))
    edits = [
        word[:at] + chance.choice("aeiost") + word[at + 1 :],
        word[:at] + word[at + 1 :],
        word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
    ]
    return text.replace(word, chance.choice(edits))


def _beginning(made: Made, chance: random.Random) -> str:
    """What is typed of a name so far: up to the middle of its first words."""
    return made.name[: chance.randint(3, max(4, len(made.name) // 2))].strip()
