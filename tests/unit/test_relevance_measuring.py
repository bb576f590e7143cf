"""The figures of the relevance table."""

from tests.relevance.make_set import Query
from tests.relevance.measuring import measure, table
from tests.relevance.rubric import Intent


class Fixed:
    """Answers the same to everything."""

    def search(self, text: str) -> list[str]:
        return ["a"]


def query(id: str, kind: str, split: str, **grades: int) -> Query:
    return Query(id, kind, split, "text", Intent(), grades)


QUERIES = [
    query("q0", "exact", "tune", a=3),
    query("q1", "exact", "held_out", b=3),
    query("q2", "typos", "tune", a=1),
    query("q3", "none", "held_out"),
]


def test_scores_are_means_by_half_by_class_and_over_all() -> None:
    measured = measure(Fixed(), QUERIES)
    assert (measured.of_split("tune"), measured.of_split("held_out"), measured.overall()) == (1.0, 0.0, 0.5)
    assert measured.by_class() == {"exact": 0.5, "typos": 1.0, "none": 0.0}


def test_the_worst_queries_shown_are_none_that_are_held_out() -> None:
    assert {shown.split for shown, _ in measure(Fixed(), QUERIES).worst(10)} == {"tune"}


def test_the_table_has_a_column_for_each_engine() -> None:
    measured = measure(Fixed(), QUERIES)
    lines = table({"plain": measured, "ours": measured}).splitlines()
    assert lines[0].split() == ["NDCG@10", "plain", "ours"]
    assert ["exact", "0.500", "0.500"] in [line.split() for line in lines]
