"""Edge lists: what a line says, what is wrong with it, and by what a file is known again."""

import gzip
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.edge_lists import DIGESTED_BYTES, MAX_ID_CHARS, MAX_LINE_BYTES, open_list, parse, person_id
from cli.failures import CommandFailed
from services.kernel import ids
from services.users.loading import Edge, Problem

ANN, BOB = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
WORD = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters=",#"), min_size=1, max_size=MAX_ID_CHARS)


@pytest.mark.parametrize("text", ["12 345", "12\t345", "12,345", " 12 , 345 \r\n", "\ufeff12 345\n"])
def test_two_ids_are_an_edge_from_the_follower_to_the_followed(text: str) -> None:
    edge = parse(7, text.encode())
    assert isinstance(edge, Edge)
    assert (edge.line, edge.user_id, edge.creator_id) == (7, ids.derived_id("graph", "12"), ids.derived_id("graph", "345"))


def test_a_uuid_stands_for_itself_in_either_case() -> None:
    edge = parse(1, f"{ANN} {BOB.upper()}".encode())
    assert isinstance(edge, Edge)
    assert (edge.user_id, edge.creator_id) == (ANN, BOB)


@given(WORD)
def test_every_other_id_stands_for_one_user_id(text: str) -> None:
    assert uuid.UUID(person_id(text)).version == 5
    assert person_id(text) == person_id(text)


@given(WORD, WORD)
def test_any_two_different_ids_are_an_edge(follower: str, followed: str) -> None:
    said = parse(1, f"{follower} {followed}\n".encode())
    assert isinstance(said, Edge if person_id(follower) != person_id(followed) else Problem)


@given(st.binary(max_size=200))
def test_whatever_a_line_holds_it_is_an_edge_a_problem_or_nothing(raw: bytes) -> None:
    said = parse(3, raw)
    assert said is None or said.line == 3


@pytest.mark.parametrize("text", ["", "\n", "   \r\n", "# FromNodeId ToNodeId", "  #x", "\ufeff# x"])
def test_blank_lines_and_comments_say_nothing(text: str) -> None:
    assert parse(1, text.encode()) is None


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"12", "not two ids"),
        (b"12 13 14", "not two ids"),
        (b"12,", "not two ids"),
        (b"12,,13", "not two ids"),
        (b"12 12", "the same id twice"),
        (f"{ANN} {ANN.upper()}".encode(), "the same id twice"),
        (b"1" * (MAX_ID_CHARS + 1) + b" 2", "an id of more than 100 characters"),
        (b"\xff\xfe 2", "not UTF-8"),
        (b"1 " * MAX_LINE_BYTES, "a line of more than 2000 bytes"),
    ],
)
def test_a_wrong_line_says_why(raw: bytes, reason: str) -> None:
    problem = parse(9, raw)
    assert isinstance(problem, Problem)
    assert (problem.line, problem.reason) == (9, reason)


def lines_of(path: Path, after: int = 0) -> list[Edge | Problem]:
    with open_list(str(path)) as edges:
        return list(edges.lines(after))


def test_a_packed_list_says_what_the_plain_one_says(tmp_path: Path) -> None:
    plain, packed = tmp_path / "edges.txt", tmp_path / "edges.txt.gz"
    plain.write_bytes(b"1 2\n\n# x\n3 4\n5 5")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert [said.line for said in lines_of(plain)] == [1, 4, 5]
    assert lines_of(packed) == lines_of(plain)


def test_a_list_is_read_from_behind_a_line(tmp_path: Path) -> None:
    path = tmp_path / "edges.txt"
    path.write_bytes(b"1 2\n3 4\n5 6\n")
    assert [said.line for said in lines_of(path, after=2)] == [3]


def test_a_line_without_end_is_one_wrong_line(tmp_path: Path) -> None:
    path = tmp_path / "edges.txt"
    path.write_bytes(b"1 2\n" + b"x" * 5 * MAX_LINE_BYTES + b"\n3 4\n")
    assert [type(said) for said in lines_of(path)] == [Edge, Problem, Edge]


@pytest.mark.parametrize("damage", [lambda packed: packed[:-20], lambda packed: b"no gzip", lambda packed: packed[:50] + bytes(50)])
def test_a_damaged_list_is_told_in_one_line(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "edges.txt.gz"
    path.write_bytes(damage(gzip.compress(b"".join(b"%d %d\n" % (number, number**2 + 1) for number in range(1000)))))
    with pytest.raises(CommandFailed, match="UNREADABLE"):
        lines_of(path)


def key_of(path: Path) -> str | None:
    with open_list(str(path)) as edges:
        return edges.key


def test_the_key_of_a_list_is_of_its_path_its_size_and_its_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = tmp_path / "edges.txt", tmp_path / "others.txt"
    text = b"1 2\n" * DIGESTED_BYTES
    path.write_bytes(text)
    other.write_bytes(text)
    first = key_of(path)
    monkeypatch.chdir(tmp_path)
    assert first == key_of(path) == key_of(Path("edges.txt"))
    keys = [first, key_of(other)]
    for changed in (text + b"3 4\n", b"9" + text[1:]):
        path.write_bytes(changed)
        keys.append(key_of(path))
    assert len(set(keys)) == 4


def test_nobody_goes_back_in_stdin() -> None:
    with open_list("-") as edges:
        assert (edges.key, edges.share()) == (None, None)


def test_how_much_was_read_is_known_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "edges.txt"
    path.write_bytes(b"1 2\n3 4\n")
    with open_list(str(path)) as edges:
        lines = edges.lines()
        next(lines)
        assert edges.share() == 0.5
        list(lines)
        assert edges.share() == 1
