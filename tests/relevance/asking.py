"""The queries of the judged set: by class, each a text made from an intent, which is made from a product that there is."""

import random
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from cli.catalogue.words import language
from tests.relevance.making import BY_HAND, Collection
from tests.relevance.rubric import Document, Intent, fold, near_any, words_of

_ADJECTIVES_FIRST = ("en", "de", "pl")
_ACCENTED = {"a": "á", "e": "é", "i": "í", "o": "ö", "u": "ü", "c": "ç", "n": "ñ", "s": "š", "z": "ž"}


@dataclass(frozen=True)
class Asked:
    """A query. `kind`: its class."""

    kind: str
    text: str
    intent: Intent


class Asking:
    """Makes queries, the same for the same seed."""

    def __init__(self, collection: Collection, seed: int) -> None:
        self._collection = collection
        self._chance = random.Random(seed)
        self._documents = [document for document in collection.documents.values() if document.id.startswith("p")]
        texts = (text for each in collection.documents.values() for text in (each.name, each.description, *each.tags, each.creator_name))
        self.vocabulary = frozenset(word for text in texts for word in words_of(text))

    def queries(self) -> Iterator[Asked]:
        made: dict[str, tuple[int, Callable[[], Asked | None]]] = {
            "exact_name": (10, self._exact_name),
            "several_words": (14, self._several_words),
            "typos": (12, self._typos),
            "accents": (10, self._accents),
            "number": (10, self._number),
            "prefix": (10, self._prefix),
            "swapped": (8, self._swapped),
            "creator": (8, self._creator),
            "creator_typos": (6, self._creator_typos),
            "combination": (10, self._combination),
            "description": (8, self._description),
            "tags": (6, self._tags),
        }
        for count, make in made.values():
            seen = set[str]()
            while len(seen) < count:
                asked = make()
                if asked and asked.text not in seen:
                    seen.add(asked.text)
                    yield asked
        yield from self._by_hand()

    def _by_hand(self) -> Iterator[Asked]:
        for twins in BY_HAND["twins"] + BY_HAND["live_and_over"]:
            yield Asked("twins", twins["name"], Intent(language=twins["language"], type=twins["type"], twins=twins["name"]))
        for text in BY_HAND["no_result"]:
            for word in text.split():
                near = near_any(word, self.vocabulary)
                if near:
                    raise ValueError(f"{word} of the query for nothing is near {near}.")
            yield Asked("no_result", text, Intent(nothing=True))
        for query in BY_HAND["queries"]:
            yield Asked(query["class"], query["text"], Intent(**query["intent"]))

    def _pick(self, *in_name: str) -> Document:
        """A product whose name says these."""
        return self._chance.choice([document for document in self._documents if document.in_name >= set(in_name)])

    def _exact_name(self) -> Asked:
        document = self._pick("brand", "line")
        return Asked("exact_name", document.name, _intent(document, *document.in_name))

    def _several_words(self) -> Asked:
        slots = self._chance.choice([("colour", "type"), ("colour", "type"), ("material", "type"), ("brand", "type"), ("type", "line")])
        document = self._pick(*slots)
        return Asked("several_words", _said(document, slots), _intent(document, *slots))

    def _typos(self) -> Asked | None:
        slots = self._chance.choice([("colour", "type"), ("brand", "type"), ("material", "type"), ("type",), ("brand", "line")])
        document = self._pick(*slots)
        text = self._misspelt(_said(document, slots))
        return Asked("typos", text, _intent(document, *slots)) if text else None

    def _accents(self) -> Asked | None:
        """Half of them with accents left out, half with accents that do not belong there."""
        slots = self._chance.choice([("colour", "type"), ("brand", "line"), ("type", "line")])
        document = self._pick(*slots)
        text = _said(document, slots)
        changed = _without_accents(text) if self._chance.random() < 0.5 else self._with_accent(text)
        return Asked("accents", changed, _intent(document, *slots)) if changed != text else None

    def _number(self) -> Asked | None:
        """The type in the number that it is not sold in."""
        document = self._pick("type")
        word = language(document.language).types[document.traits["type"]]
        if word.sold == word.other:
            return None
        return Asked("number", word.other.casefold(), _intent(document, "type"))

    def _prefix(self) -> Asked:
        """A name as it is being typed: the beginning of a word, alone or behind a type or a brand."""
        first = self._chance.choice([None, "type", "brand"])
        last = self._chance.choice(["line", "brand"] if first == "type" else ["line"] if first == "brand" else ["brand", "line", "type"])
        document = self._pick(*filter(None, (first, last)))
        whole = _word(document, last).split()[0]
        typed = whole[: max(3, len(whole) * 3 // 5)].casefold()
        known = {first: document.traits[first], "language": document.language} if first else {}
        intent = msgspec.convert({"prefix": typed} | known, Intent)
        return Asked("prefix", f"{_word(document, first).casefold()} {typed}" if first else typed, intent)

    def _swapped(self) -> Asked:
        slots = self._chance.choice([("colour", "type"), ("brand", "type", "line"), ("material", "type"), ("brand", "colour", "type")])
        document = self._pick(*slots)
        words = _said(document, slots).split()
        return Asked("swapped", " ".join(reversed(words)), _intent(document, *slots))

    def _creator(self) -> Asked:
        """A creator's name, at times with a type that they make."""
        document = self._pick("type")
        if self._chance.random() < 0.3:
            text = f"{document.creator_name} {_word(document, 'type').casefold()}"
            return Asked("creator", text, _intent(document, "type", creator=document.creator))
        return Asked("creator", document.creator_name, Intent(creator=document.creator))

    def _creator_typos(self) -> Asked | None:
        document = self._pick("type")
        text = self._misspelt(document.creator_name)
        return Asked("creator_typos", text, Intent(creator=document.creator)) if text else None

    def _combination(self) -> Asked | None:
        document = self._pick("brand", "colour", "type")
        slots = ["brand", "colour", "type"] + (["size"] if "size" in document.traits else ["material"])
        return Asked("combination", _said(document, slots), _intent(document, *slots))

    def _description(self) -> Asked | None:
        """A word of a feature's sentence, alone or behind the type."""
        document = self._pick("type")
        if "feature" not in document.traits:
            return None
        word = language(document.language).features[document.traits["feature"]][1][0].casefold()
        if self._chance.random() < 0.5:
            return Asked("description", word, _intent(document, "feature"))
        return Asked("description", f"{_word(document, 'type').casefold()} {word}", _intent(document, "type", "feature"))

    def _tags(self) -> Asked | None:
        document = self._pick("type")
        if "style" not in document.traits:
            return None
        if self._chance.random() < 0.5:
            return Asked("tags", document.traits["style"], Intent(style=document.traits["style"]))
        text = f"{document.traits['style']} {_word(document, 'type').casefold()}"
        return Asked("tags", text, _intent(document, "type", "style"))

    def _misspelt(self, text: str) -> str | None:
        """One edit in a word of five letters or more, two in one of eight; never in the first letter, and never into a word that there is."""
        words = text.split()
        places = [place for place, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
        if not places:
            return None
        place = self._chance.choice(places)
        edits = 2 if len(words[place]) >= 8 and self._chance.random() < 0.5 else 1
        for _ in range(edits):
            words[place] = self._edited(words[place])
        return None if fold(words[place]) in self.vocabulary else " ".join(words)

    def _edited(self, word: str) -> str:
        at = self._chance.randrange(1, len(word) - 1)
        letter = self._chance.choice("aeinorstlm")
        edits = [word[:at] + word[at + 1 :], word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :]]
        edits.append(word[:at] + word[at + 1] + word[at] + word[at + 2 :])
        return self._chance.choice(edits)

    def _with_accent(self, text: str) -> str:
        places = [place for place, letter in enumerate(text) if letter in _ACCENTED]
        if not places:
            return text
        place = self._chance.choice(places)
        return text[:place] + _ACCENTED[text[place]] + text[place + 1 :]


def _intent(document: Document, *slots: str, creator: str | None = None) -> Intent:
    traits = {slot: document.traits[slot] for slot in sorted(slots)}
    return msgspec.convert({"language": document.language, "creator": creator} | traits, Intent)


def _word(document: Document, slot: str) -> str:
    words, traits = language(document.language), document.traits
    if slot == "type":
        return words.types[traits["type"]].sold
    if slot == "colour":
        return words.colour(traits["colour"], traits["type"])
    if slot == "material":
        return words.written.materials[traits["material"]]
    return traits[slot]


def _said(document: Document, slots: "tuple[str, ...] | list[str]") -> str:
    """As a person would type it: adjectives on the side where the language has them, lower case but for names."""
    first = document.language in _ADJECTIVES_FIRST
    order = ["brand", "colour", *(["material"] if document.language == "en" else []), "type"] if first else ["type"]
    order += [slot for slot in ("material", "colour", "line", "brand", "size") if slot not in order]
    said = [
        _word(document, slot) if slot in ("brand", "line", "size") else _word(document, slot).casefold() for slot in order if slot in slots
    ]
    return " ".join(said)


def _without_accents(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.replace("ł", "l").replace("Ł", "L").replace("ß", "ss").replace("ø", "o"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
