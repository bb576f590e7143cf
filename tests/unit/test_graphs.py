"""Made-up graphs: the promised number of follows, nobody follows themselves, nobody follows anybody twice."""

import gzip
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.graphs import Shape, in_degrees, make_edges, write_graph
from cli.main import livedrops


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    users = draw(st.integers(1, 60))
    edges = draw(st.integers(0, users * (users - 1)))
    return Shape(users, draw(st.integers(0, 90)), edges, draw(st.integers()), draw(st.floats(1.01, 20)))


@given(shapes())
def test_nobody_follows_themselves_and_no_follow_comes_twice(shape: Shape) -> None:
    edges = list(make_edges(shape))
    assert len(set(edges)) == len(edges) == shape.edges + shape.celebrity
    assert all(follower != followed for follower, followed in edges)


@given(shapes())
def test_the_celebrity_has_its_followers_and_the_rest_is_among_the_users(shape: Shape) -> None:
    edges = list(make_edges(shape))
    of_celebrity = {follower for follower, followed in edges if followed == shape.celebrity_number}
    assert len(of_celebrity) == shape.celebrity
    assert of_celebrity <= set(range(1, shape.population + 1))
    others = {person for edge in edges if edge[1] != shape.celebrity_number for person in edge}
    assert others <= set(range(1, shape.users + 1))


@given(shapes())
def test_the_same_shape_is_the_same_graph(shape: Shape) -> None:
    assert list(make_edges(shape)) == list(make_edges(shape))


@given(shapes())
def test_followers_add_up_and_nobody_has_more_than_there_are_others(shape: Shape) -> None:
    degrees = list(in_degrees(shape))
    assert sum(degrees) == shape.edges
    assert all(0 <= degree < shape.users for degree in degrees)


def test_another_seed_is_another_graph() -> None:
    assert list(make_edges(Shape(50, 20, 100, seed=1))) != list(make_edges(Shape(50, 20, 100, seed=2)))


def test_followers_fall_as_a_power_law_of_the_rank() -> None:
    degrees = list(in_degrees(Shape(users=10_000, celebrity=0, edges=100_000, seed=1, exponent=2.0)))
    assert degrees[0] == pytest.approx(100 * degrees[99], rel=0.02)
    # Rounding may lift one above its neighbour by one.
    assert all(lower <= higher + 1 for higher, lower in pairwise(degrees))


@settings(max_examples=20)
@given(shapes())
def test_a_file_holds_the_graph_and_the_same_shape_gives_the_same_bytes(tmp_path_factory: pytest.TempPathFactory, shape: Shape) -> None:
    folder = tmp_path_factory.mktemp("graphs")
    plain, packed, again = folder / "graph.txt", folder / "graph.txt.gz", folder / "again.txt.gz"
    for path in (plain, packed, again):
        write_graph(path, shape)
    lines = [line for line in plain.read_text().splitlines() if not line.startswith("#")]
    assert [tuple(map(int, line.split())) for line in lines] == list(make_edges(shape))
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    assert packed.read_bytes() == again.read_bytes()
    assert Counter(path.suffix for path in folder.iterdir()) == {".txt": 1, ".gz": 2}


def test_the_command_tells_who_the_celebrity_is(tmp_path: Path) -> None:
    arguments = ["make-graph", str(tmp_path / "g"), "--users", "5", "--celebrity", "9", "--edges", "20", "--seed", "1"]
    assert CliRunner().invoke(livedrops, arguments).stdout.startswith("celebrity 10 ")


def test_more_follows_than_there_can_be_are_refused(tmp_path: Path) -> None:
    arguments = ["make-graph", str(tmp_path / "g"), "--users", "5", "--celebrity", "9", "--edges", "21", "--seed", "1"]
    refused = CliRunner().invoke(livedrops, arguments)
    assert refused.exit_code == 2
    assert "at most 20 follows" in refused.stderr
