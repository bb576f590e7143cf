"""Normalised discounted cumulative gain (Järvelin and Kekäläinen, ACM TOIS 20(4), 2002), with the gain 2**grade - 1 (Burges et al., ICML 2005)."""

from collections.abc import Mapping, Sequence
from math import log2

# As far as a first page is read.
DEPTH = 10


def ndcg(found: Sequence[str], grades: Mapping[str, int], depth: int = DEPTH) -> float:
    """From 0 to 1: how near the order found comes to the best one there is. Documents without a grade are worth nothing.

    A document that is found twice counts where it comes first. Where nothing has a grade, nothing is to be found: 1 for that, else 0.
    """
    if not any(grades.values()):
        return 0.0 if found else 1.0
    once = list(dict.fromkeys(found))
    return _gain([grades.get(document, 0) for document in once[:depth]]) / _gain(sorted(grades.values(), reverse=True)[:depth])


def _gain(grades: Sequence[int]) -> float:
    # A power of two is a shift: of whole numbers, and so a whole number for the type checker, too.
    return sum(((1 << grade) - 1) / log2(place + 1) for place, grade in enumerate(grades, start=1))
