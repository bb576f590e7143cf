"""NDCG, against values computed by hand."""

from math import isclose, log2

import pytest

from tests.relevance.ndcg import ndcg

GRADES = {"a": 3, "b": 2, "c": 1}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["a", "b", "c"], 1.0),
        # (1/1 + 3/1.58496 + 7/2) over (7/1 + 3/1.58496 + 1/2)
        (["c", "b", "a"], (1 + 3 / log2(3) + 3.5) / (7 + 3 / log2(3) + 0.5)),
        # Järvelin and Kekäläinen's discount begins at the second place here: log2(place + 1).
        (["x", "a"], (7 / 1.584962500721156) / 9.392789260714373),
        (["b"], 3 / 9.392789260714373),
        (["x", "y"], 0.0),
        ([], 0.0),
    ],
)
def test_an_order_is_worth_what_hand_computation_says(found: list[str], expected: float) -> None:
    assert isclose(ndcg(found, GRADES), expected)


def test_places_behind_the_depth_are_worth_nothing() -> None:
    assert ndcg(["x1", "x2", "a"], GRADES, depth=2) == 0.0


def test_the_best_order_is_cut_at_the_depth_too() -> None:
    assert ndcg(["a", "b"], GRADES, depth=2) == 1.0


def test_a_document_found_twice_counts_once() -> None:
    assert ndcg(["a", "a", "b", "c"], GRADES) == 1.0


def test_where_nothing_is_to_be_found_only_nothing_is_right() -> None:
    assert ndcg([], {}) == 1.0
    assert ndcg(["a"], {}) == 0.0
