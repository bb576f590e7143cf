"""The search benchmark: the figures decide its verdicts, and its questions are all different."""

import json

import pytest

from cli.catalogue.making import Shape
from tests.load.follow_report import Row
from tests.load.generator import Latency
from tests.load.search_questions import FILTER, FULL_TEXT, PREFIX, common_words, questions
from tests.load.search_report import Freshness, Indexing, report, verdicts


def latency(p50: float, p95: float | None = None) -> Latency:
    return Latency(p50=p50, p95=p95 or p50, p99=p50, max=p50, mean=p50)


def alone(ours: float, straight: float | None = 4.0) -> Row:
    return Row(FULL_TEXT, 1, writes=False, ours=latency(ours), straight=latency(straight) if straight else None)


def crowd(bad: int = 0) -> Row:
    return Row(FULL_TEXT, 8, writes=False, ours=latency(40), per_second=200, bad=bad)


FRESH = Freshness(100, latency(500, 1_200))


def failed(rows: list[Row], freshness: Freshness) -> list[str]:
    return [verdict.promise for verdict in verdicts(rows, freshness) if not verdict.kept]


def test_a_good_run_keeps_every_promise() -> None:
    assert failed([alone(15.9), crowd()], FRESH) == []


@pytest.mark.parametrize(
    ("rows", "freshness", "promise"),
    [
        ([alone(16.1), crowd()], FRESH, "full text within"),
        ([alone(10), crowd(bad=1)], FRESH, "full text by 8"),
        ([alone(10), crowd()], Freshness(100, latency(500, 2_001)), "a change found"),
        ([alone(10), crowd()], Freshness(100, latency(500), lost=1), "a change found"),
    ],
)
def test_each_promise_can_be_broken(rows: list[Row], freshness: Freshness, promise: str) -> None:
    [broken] = failed(rows, freshness)
    assert broken.startswith(promise)


def test_a_question_that_nobody_put_straight_is_no_promise() -> None:
    assert not any("Elasticsearch" in verdict.promise for verdict in verdicts([alone(500, straight=None)], FRESH))


def test_products_a_second_count_until_the_last_was_found() -> None:
    indexing = Indexing(5_000, imported_s=4.0, found_s=5.0)
    assert indexing.per_second == 1_000
    told = report([alone(15.9), crowd()], indexing, FRESH, verdicts([alone(15.9)], FRESH))
    assert "1,000 a second" in told
    assert "pass  full text within" in told


class TestQuestions:
    asked_for = questions(Shape(9_000, 90, 1), 400, seed=5)

    def test_no_asking_is_another_one(self) -> None:
        for question in self.asked_for:
            assert len({asked.value for asked in question.askings}) == len(question.askings) == 400

    def test_the_load_generator_sends_what_one_client_sends(self) -> None:
        for question in self.asked_for:
            for asked in question.askings[:20]:
                assert json.loads(question.template.replace("{value}", asked.value)) == json.loads(asked.body)
                assert "\n" not in asked.value

    def test_texts_are_within_the_bounds_of_the_contract(self) -> None:
        assert all(0 < len(asked.variables["text"]) <= 200 for question in self.asked_for for asked in question.askings)

    def test_suggestions_are_asked_for_by_beginnings_and_filters_are_given(self) -> None:
        by_name = {question.name: question for question in self.asked_for}
        assert all("filter" not in asked.variables for asked in by_name[PREFIX].askings)
        assert {json.dumps(asked.variables["filter"]) for asked in by_name["filtered"].askings} == {json.dumps(FILTER)}

    def test_there_are_common_words_enough_for_all_chains_of_deep_pages(self) -> None:
        words = common_words()
        assert len(set(words)) == len(words) >= 20
