"""The words that made-up catalogues are written in: what there is (words/things.toml), and its names in each language (words/<language>.toml)."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

_FOLDER = Path(__file__).parent / "words"
LANGUAGES = ("en", "de", "fr", "es", "it", "pl", "pt")


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What things of a kind have in common. price: from and to, in whole units of a currency."""

    materials: list[str]
    sizes: list[str]
    price: tuple[int, int]


class _Styles(msgspec.Struct, frozen=True):
    all: list[str]


class _Brands(msgspec.Struct, frozen=True):
    beginnings: list[str]
    ends: list[str]


class _Things(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    groups: dict[str, Group]
    types: dict[str, list[str]]
    styles: _Styles
    brands: _Brands


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A language's file, as it is."""

    currency: str
    kinds: list[str]
    name_patterns: list[str]
    size: str
    studios: list[str]
    first: list[str]
    last: list[str]
    lines: list[str]
    sentences: list[str]
    in_colour: str
    in_material: str
    in_size: str
    by_brand: str
    companion: str
    types: dict[str, str]
    colours: dict[str, str]
    materials: dict[str, str]
    features: dict[str, str]


@dataclass(frozen=True)
class TypeWord:
    """A type as it is sold, in its other number, and the kind (gender and number) that colours agree with."""

    sold: str
    other: str
    kind: str


@dataclass(frozen=True)
class Language:
    """colours: by colour and kind. features: a sentence, and the words of it that no other sentence has."""

    code: str
    written: _Written
    types: dict[str, TypeWord]
    colours: dict[str, dict[str, str]]
    features: dict[str, tuple[str, tuple[str, ...]]]

    def colour(self, colour: str, type: str) -> str:
        """The colour's word as it stands beside the type's."""
        return self.colours[colour][self.types[type].kind]


@dataclass(frozen=True)
class Things:
    """group_of: by type. The order of all is that of the file."""

    groups: dict[str, Group]
    group_of: dict[str, str]
    styles: tuple[str, ...]
    brand_beginnings: tuple[str, ...]
    brand_ends: tuple[str, ...]


@cache
def things() -> Things:
    read = msgspec.convert(_toml("things"), _Things)
    group_of = {type: group for group, types in read.types.items() for type in types}
    return Things(read.groups, group_of, tuple(read.styles.all), tuple(read.brands.beginnings), tuple(read.brands.ends))


@cache
def language(code: str) -> Language:
    written = msgspec.convert(_toml(code), _Written)
    types = {name: TypeWord(*forms.split("/")) for name, forms in written.types.items()}
    colours = {name: dict(zip(written.kinds, forms.split(), strict=True)) for name, forms in written.colours.items()}
    features = {name: (said.split("|")[0], tuple(said.split("|")[1].split())) for name, said in written.features.items()}
    return Language(code, written, types, colours, features)


def _toml(name: str) -> object:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
