"""Made-up catalogues: the same for the same seed, within the contract's bounds, in words with accents."""

from collections import Counter
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from cli.catalogue.files import Entry, Listing, listing_of, open_catalogue, write_catalogue
from cli.catalogue.making import VARIANTS, Made, Shape, make_creator, make_product, make_products
from cli.catalogue.words import LANGUAGES, language, things

SHAPE = Shape(products=3_000, creators=40, seed=7)
MADE = list(make_products(SHAPE))


def test_a_catalogue_is_the_same_for_the_same_shape_and_another_for_another_seed() -> None:
    assert list(make_products(SHAPE)) == MADE
    assert [made.name for made in make_products(Shape(3_000, 40, 8))] != [made.name for made in MADE]


def test_a_product_is_made_without_those_before_it() -> None:
    assert make_product(SHAPE, 2_345) == MADE[2_345]


def test_a_million_products_are_not_made_before_the_first_is_had() -> None:
    assert len(list(islice(make_products(Shape(1_000_000, 1_000, 1)), 5))) == 5


def test_every_product_is_within_the_bounds_of_the_contract() -> None:
    for made in MADE:
        # Raises where it is not.
        msgspec.convert(msgspec.to_builtins(listing_of(made, None)), Listing)


@pytest.mark.parametrize(("products", "creators"), [(3_000, 40), (9, 3), (1, 1), (3_000, 1_000)])
def test_every_creator_has_products_and_they_come_one_behind_the_other(products: int, creators: int) -> None:
    keys = [made.creator.key for made in make_products(Shape(products, creators, 1))]
    assert list(dict.fromkeys(keys)) == [f"creator-{number}" for number in range(creators)]
    assert [key for place, key in enumerate(keys) if place == 0 or keys[place - 1] != key] == list(dict.fromkeys(keys))


@pytest.mark.parametrize(("products", "creators"), [(1, 0), (3, 2)])
def test_too_many_creators_and_none_are_refused(products: int, creators: int) -> None:
    with pytest.raises(ValueError):
        Shape(products, creators, 1)


def test_words_of_seven_languages_come_with_their_accents() -> None:
    assert {made.creator.language for made in MADE} == set(LANGUAGES)
    texts = "".join(made.name + made.description + made.creator.name for made in MADE)
    assert set("äöüßéèçñóãõłśżąęà") <= set(texts)


def test_variants_of_a_model_differ_in_colour_and_in_little_else() -> None:
    for model in range(0, len(MADE) - VARIANTS, VARIANTS):
        variants = MADE[model : model + VARIANTS]
        assert len({made.traits.colour for made in variants}) == VARIANTS
        assert len({(made.traits.brand, made.traits.line, made.traits.type, made.amount) for made in variants}) == 1


def test_colours_agree_with_what_they_colour() -> None:
    polish, spanish = language("pl"), language("es")
    assert (polish.colour("red", "shoes"), polish.colour("red", "bag"), polish.colour("red", "chair")) == (
        "czerwone",
        "czerwona",
        "czerwone",
    )
    assert (spanish.colour("white", "shoes"), spanish.colour("white", "boots")) == ("blancos", "blancas")


def test_what_a_name_leaves_out_is_in_the_description() -> None:
    def said(made: Made) -> str:
        return f"{made.name} {made.description}"

    for made in MADE:
        words = language(made.creator.language)
        assert made.traits.brand in said(made)
        assert words.written.materials[made.traits.material] in said(made)
        if "brand" not in made.traits.in_name:
            assert made.traits.brand not in made.name


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_has_a_word_for_everything(code: str) -> None:
    words, all = language(code), things()
    assert words.types.keys() == all.group_of.keys()
    assert {material for group in all.groups.values() for material in group.materials} <= words.written.materials.keys()


def test_a_person_may_share_a_name_but_not_a_key() -> None:
    creators = [make_creator(Shape(100_000, 2_000, 1), number) for number in range(2_000)]
    assert max(Counter(creator.key for creator in creators).values()) == 1


@pytest.mark.parametrize("name", ["catalogue.jsonl", "catalogue.csv", "catalogue.jsonl.gz", "catalogue.csv.gz"])
def test_a_written_catalogue_reads_as_it_was_and_has_the_same_bytes_again(tmp_path: Path, name: str) -> None:
    listings = [listing_of(made, None) for made in MADE[:200]]
    write_catalogue(tmp_path / name, iter(listings))
    first = (tmp_path / name).read_bytes()
    write_catalogue(tmp_path / name, iter(listings))
    assert (tmp_path / name).read_bytes() == first
    with open_catalogue(tmp_path / name) as catalogue:
        assert [entry.listing for entry in catalogue.entries() if isinstance(entry, Entry)] == listings
