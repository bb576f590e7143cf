"""The rubric: how well a document answers a query, judged from what the document is and what the query means. Never from what an engine finds.

    3  all that the query means is in the document's name (of a creator: it is the creator who is meant)
    2  all of it is somewhere in the document: name, description, tags, creator's name.
       Also: a variant (another colour or size) of the one model that the query names with its line
    1  the main thing is there: the type or the brand that the query names, or the creator; of creators, one who shares the family name
    0  anything else, whatever words it has in common with the query

A drop is judged as its product is. Popularity and whether a drop is on sale count for twins alone, where they are the query's very point:
of twins the one of the popular creator is a 3 and the other a 2; of a product on sale, its live drop is a 3, the product a 2, the drop that
is over a 1. Words of two languages for one thing are one word where they are spelled alike but for accents, case and one letter (lampe,
lampa), and a name that has the other language's is a 2 at best: a reader understands it, but had the own language in mind.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from cli.catalogue.words import language

# Words of so many letters and more that differ in one are one word in two languages; shorter ones are not.
_ALIKE_FROM = 4
_MAIN = ("type", "brand")
SLOTS = ("type", "brand", "line", "colour", "material", "size", "style", "feature")
# Words that creators' names share without being related.
_SHARED_NAME_WORDS = frozenset(
    re.findall(
        r"\w+",
        "atelier maison studio workshop daughters werkstatt manufaktur sohne filles taller casa hijas oficina filhas bottega officina figlie "
        "pracownia warsztat corki press prints vinyl tapes",
    )
)
# Letters that Unicode does not take apart.
_FOLDED = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe"})


@dataclass(frozen=True)
class Document:
    """A product as the rubric sees it. traits: by slot, without those that it lacks. twin: "popular", "unpopular" or "sold" (with drops)."""

    id: str
    creator: str
    creator_name: str
    name: str
    description: str
    tags: tuple[str, ...]
    language: str
    traits: dict[str, str]
    in_name: frozenset[str]
    twin: str | None = None


class Intent(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a query means. words: literal words; prefix: the beginning of one; creator: an id; twins: the name that twins have."""

    language: str | None = None
    type: str | None = None
    brand: str | None = None
    line: str | None = None
    colour: str | None = None
    material: str | None = None
    size: str | None = None
    style: str | None = None
    feature: str | None = None
    words: list[str] = []
    prefix: str | None = None
    creator: str | None = None
    twins: str | None = None
    nothing: bool = False

    def slots(self) -> dict[str, str]:
        return {slot: value for slot in SLOTS if (value := getattr(self, slot)) is not None}


@dataclass(frozen=True)
class Match:
    """Of each thing that a query means: whether it is in the name, elsewhere, or (absent here) nowhere."""

    wanted: frozenset[str]
    in_name: frozenset[str] = field(default_factory=frozenset)
    elsewhere: frozenset[str] = field(default_factory=frozenset)

    @property
    def found(self) -> frozenset[str]:
        return self.in_name | self.elsewhere


def grade_product(intent: Intent, document: Document) -> int:
    if intent.nothing:
        return 0
    if intent.twins is not None and document.name == intent.twins:
        return {"popular": 3, "unpopular": 2, "sold": 2}[document.twin or ""]
    match = match_of(intent, document)
    if match.found == match.wanted and intent.twins is None:
        return 3 if match.in_name == match.wanted else 2
    if intent.line and match.wanted - match.found <= {"colour", "size"}:
        return 2
    return 1 if match.found & {*_MAIN, "creator"} else 0


def grade_drop(intent: Intent, product: Document, live: bool) -> int:
    """live: whether it is on sale."""
    if intent.twins is not None and product.name == intent.twins:
        return 3 if live else 1
    return grade_product(intent, product)


def grade_creator(intent: Intent, id: str, name: str, meant: str | None) -> int:
    """meant: the name of the creator whom the query means."""
    words = set(words_of(name))
    if meant is not None:
        if fold(name) == fold(meant):
            return 1 if intent.slots() else 3
        return 1 if (words & set(words_of(meant)[-1:])) - _SHARED_NAME_WORDS and not intent.slots() else 0
    if intent.prefix and not intent.slots():
        return 3 if any(word.startswith(fold(intent.prefix)) for word in words) else 0
    return 0


def match_of(intent: Intent, document: Document) -> Match:
    wanted, in_name, elsewhere = set[str](), set[str](), set[str]()
    for slot, value in intent.slots().items():
        wanted.add(slot)
        asked_in = intent.language or document.language
        if fold(document.traits.get(slot, "")) != fold(value) or not _said_alike(slot, value, asked_in, document.language):
            continue
        told = slot in document.in_name and _said_the_same(slot, value, asked_in, document.language)
        (in_name if told else elsewhere).add(slot)
    name, rest = words_of(document.name), words_of(" ".join((document.description, *document.tags, document.creator_name)))
    for word in intent.words:
        wanted.add(word)
        (in_name if fold(word) in name else elsewhere if fold(word) in rest else set()).add(word)
    if intent.prefix:
        begins = fold(intent.prefix)
        wanted.add("prefix")
        found = in_name if any(w.startswith(begins) for w in name) else elsewhere if any(w.startswith(begins) for w in rest) else set()
        found.add("prefix")
    if intent.creator:
        wanted.add("creator")
        if document.creator == intent.creator:
            elsewhere.add("creator")
    return Match(frozenset(wanted), frozenset(in_name), frozenset(elsewhere))


def _said_alike(slot: str, value: str, one: str, other: str) -> bool:
    return any(alike(first, second) for first in _forms(slot, value, one) for second in _forms(slot, value, other))


def _said_the_same(slot: str, value: str, one: str, other: str) -> bool:
    return not _forms(slot, value, one).isdisjoint(_forms(slot, value, other))


def _forms(slot: str, value: str, code: str) -> set[str]:
    words = language(code)
    if slot == "type":
        return {fold(words.types[value].sold), fold(words.types[value].other)}
    if slot == "colour":
        return {fold(form) for form in words.colours[value].values()}
    if slot == "material":
        return {fold(words.written.materials[value].split()[-1])}
    if slot == "feature":
        return {fold(word) for word in words.features[value][1]}
    # Brands, lines, sizes and styles are the same in all languages.
    return {fold(value)}


def fold(text: str) -> str:
    """Without case and accents."""
    apart = unicodedata.normalize("NFKD", text.casefold().translate(_FOLDED))
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).translate(_FOLDED)


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", fold(text))


def alike(one: str, other: str) -> bool:
    """Whether they are the same word, or long enough and one edit apart."""
    return one == other or (min(len(one), len(other)) >= _ALIKE_FROM and within(one, other, 1))


def within(one: str, other: str, edits: int) -> bool:
    """Whether so many insertions, deletions, substitutions and swaps of neighbours make one of the other."""
    if abs(len(one) - len(other)) > edits:
        return False
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, start=1):
        row = [i]
        for j, against in enumerate(other, start=1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1] <= edits


def near_any(word: str, vocabulary: Iterable[str]) -> str | None:
    """A word of the vocabulary within two edits of this one, or that begins with it, or that it begins with; None where there is none."""
    folded = fold(word)
    for known in vocabulary:
        if within(folded, known, 2 if len(folded) > 5 else 1) or known.startswith(folded):
            return known
    return None
