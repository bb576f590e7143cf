"""The gate: the search service's ranking against the judged queries, and against what anybody gets from Elasticsearch in an afternoon."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.relevance.engines import Engine, plain_multi_match
from tests.relevance.judged import JudgedSet, load
from tests.relevance.measuring import SPLITS, Measured, measure, table
from tests.relevance.ours import ours

GATE = 0.9
BETTER_BY = 0.05


@pytest.fixture(scope="module")
def plain(elasticsearch_url: str) -> Measured:
    return measured_by(plain_multi_match, elasticsearch_url)


def measured_by(engine_of: Callable[[str, JudgedSet], AbstractContextManager[Engine]], url: str) -> Measured:
    judged = load()
    with engine_of(url, judged) as engine:
        return measure(engine, judged.queries)


@pytest.mark.parametrize("split", SPLITS)
def test_the_plain_engine_answers_well_enough_to_be_worth_beating(plain: Measured, split: str) -> None:
    assert 0.5 < plain.of_split(split) < 1, table({"plain": plain})


@pytest.fixture(scope="module")
def measured(elasticsearch_url: str) -> Measured:
    return measured_by(ours, elasticsearch_url)


@pytest.mark.parametrize("split", SPLITS)
def test_the_ranking_keeps_its_promise_on_both_halves(measured: Measured, plain: Measured, split: str) -> None:
    shown = table({"plain": plain, "ours": measured})
    assert measured.of_split(split) > GATE, shown
    assert measured.of_split(split) >= plain.of_split(split) + BETTER_BY, shown
