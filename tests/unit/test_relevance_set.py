"""The judged set: complete, balanced, and as its rubric says."""

from collections import Counter, defaultdict

import pytest

from tests.relevance.judged import load
from tests.relevance.make_set import make_queries
from tests.relevance.making import make_collection
from tests.relevance.rubric import Document, Intent, fold, grade_creator, grade_drop, grade_product, near_any

SET = load()
BOOTS = Document("p", "c", "Zofia Wróbel", "Czerwone kozaki Świt", "W całości ze skóry.", ("kozak", "boho"), "pl",
                 {"type": "boots", "colour": "red", "line": "Świt", "material": "leather", "style": "boho"}, frozenset({"type", "colour", "line"}))  # fmt: skip


def test_there_are_enough_queries_of_each_class_and_both_halves_have_some() -> None:
    by_class: dict[str, Counter[str]] = defaultdict(Counter)
    for query in SET.queries:
        by_class[query.kind][query.split] += 1
    assert len(SET.queries) >= 80
    assert all(
        abs(splits["tune"] - splits["held_out"]) <= 1 and min(splits["tune"], splits["held_out"]) >= 3 for splits in by_class.values()
    )


def test_every_graded_document_is_in_the_set() -> None:
    known = {product.id for product in SET.products} | {creator.id for creator in SET.creators} | {drop.id for drop in SET.drops}
    assert all(known >= query.grades.keys() for query in SET.queries)
    assert all(set(query.grades.values()) <= {1, 2, 3} for query in SET.queries)


def test_only_queries_for_nothing_have_no_grades() -> None:
    assert {query.kind for query in SET.queries if not query.grades} == {"no_result"}


def test_the_files_are_what_the_generator_the_rubric_and_the_corrections_make() -> None:
    collection = make_collection()
    assert collection.products == SET.products
    assert collection.creators == SET.creators
    assert make_queries(collection) == SET.queries


@pytest.mark.parametrize(
    ("intent", "grade"),
    [
        (Intent(language="pl", type="boots", colour="red"), 3),
        (Intent(language="pl", type="boots", material="leather"), 2),
        (Intent(language="pl", type="boots", colour="blue"), 1),
        (Intent(language="pl", type="boots", line="Świt", colour="blue"), 2),
        (Intent(language="pl", type="shoes", colour="red"), 0),
        (Intent(language="en", type="boots", colour="red"), 0),
        (Intent(style="boho"), 2),
        (Intent(words=["calosci"]), 2),
        (Intent(prefix="świ"), 3),
        (Intent(creator="c"), 2),
        (Intent(nothing=True), 0),
    ],
)
def test_a_product_is_graded_by_what_it_is(intent: Intent, grade: int) -> None:
    assert grade_product(intent, BOOTS) == grade


def test_a_word_that_another_language_spells_alike_is_understood_but_not_meant() -> None:
    lamp = Document("l", "c", "", "Lampe", "", (), "fr", {"type": "lamp"}, frozenset({"type"}))
    assert [grade_product(Intent(language=code, type="lamp"), lamp) for code in ("fr", "de", "pl", "es")] == [3, 3, 2, 0]


def test_of_a_products_drops_the_live_one_counts_most_where_that_is_the_question() -> None:
    sold = Document("s", "c", "", "Orbit", "", (), "en", {"type": "keyboard"}, frozenset({"type"}), "sold")
    meant = Intent(language="en", type="keyboard", twins="Orbit")
    assert (grade_drop(meant, sold, True), grade_product(meant, sold), grade_drop(meant, sold, False)) == (3, 2, 1)
    elsewhere = Intent(language="en", type="keyboard")
    assert grade_drop(elsewhere, sold, True) == grade_drop(elsewhere, sold, False) == 3


def test_a_creator_is_graded_by_the_name() -> None:
    meant = Intent(creator="c1")
    names = ("Zofia Wróbel", "Pracownia Wróbel", "Pracownia Gołąb")
    assert [grade_creator(meant, "c1", name, "Zofia Wróbel") for name in names] == [3, 1, 0]


def test_case_and_accents_are_folded_away() -> None:
    assert fold("ŻÓŁTY Weißenberg Øre Œuvre") == "zolty weissenberg ore oeuvre"


def test_a_query_for_nothing_must_be_far_from_every_word() -> None:
    assert near_any("lamqe", ["lampe"]) == "lampe"
    assert near_any("lam", ["lampe"]) == "lampe"
    assert near_any("hypotheek", ["lampe"]) is None
