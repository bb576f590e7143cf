"""A graph of follows, loaded on the running stack as an operator does it, with the change-stream reader deriving lists and counts."""

import gzip
import json
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from cli.edge_lists import person_id
from cli.graphs import Shape, make_edges
from services.kernel.metrics import Metrics
from services.kernel.mongo import Document, Mongo
from services.users.follows import Follows
from stack.api import Stack
from tests.conftest import eventually

# Follower and followed, as user ids.
Pairs = set[tuple[str, str]]
Run = Callable[..., "subprocess.CompletedProcess[str]"]
DEADLINE_S = 100


@pytest.fixture(scope="module")
def mongo(stack: Stack, metrics: Metrics) -> Iterator[Mongo]:
    store = Mongo(stack.environment("users")["LIVEDROPS_USERS_MONGO_URL"], "users", metrics, patient=True)
    yield store
    store.close()


@pytest.fixture(scope="module")
def database(mongo: Mongo) -> Database[Document]:
    return mongo.database


@pytest.fixture(scope="module")
def command(stack: Stack) -> Callable[..., "subprocess.Popen[str]"]:
    """Start `livedrops load-graph`."""
    environment = os.environ | stack.environment("operations")

    def begin(*arguments: object) -> "subprocess.Popen[str]":
        line = [sys.executable, "-m", "cli.main", "--profile", "test", "load-graph", *map(str, arguments)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(line, text=True, env=environment, **pipes)

    return begin


@pytest.fixture(scope="module")
def load(command: Callable[..., "subprocess.Popen[str]"]) -> Run:
    """Run it to its end; never a traceback."""

    def run(*arguments: object, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        with command(*arguments) as process:
            out, err = process.communicate(stdin, timeout=DEADLINE_S)
        assert "Traceback" not in err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run


def write_list(path: Path, shape: Shape) -> Pairs:
    """A list of people whom no other test knows. Whom it is about."""
    own = uuid.uuid4().hex
    lines = [f"{own}-{follower} {own}-{followed}" for follower, followed in make_edges(shape)]
    text = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return {(person_id(follower), person_id(followed)) for follower, followed in map(str.split, lines)}


def people_of(pairs: Pairs) -> list[str]:
    return sorted({person for pair in pairs for person in pair})


def check_graph(database: Database[Document], pairs: Pairs) -> None:
    """Edges, lists and counts say exactly this."""
    creators = {"creator_id": {"$in": people_of(pairs)}}
    edges = list(database["follows"].find({**creators, "active": True}))
    entries = list(database["followers"].find(creators))
    counts = {one["_id"]: (one["followers"], one["following"]) for one in database["counts"].find({"_id": {"$in": people_of(pairs)}})}
    followers, following = Counter(creator for _, creator in pairs), Counter(user for user, _ in pairs)
    assert {(edge["user_id"], edge["creator_id"]) for edge in edges} == pairs
    assert {(entry["user_id"], entry["creator_id"]) for entry in entries} == pairs
    assert len(entries) == len(edges) == len(pairs)
    assert {person: count for person, count in counts.items() if count != (0, 0)} == {
        person: (followers[person], following[person]) for person in people_of(pairs)
    }


def test_a_graph_is_loaded_with_its_people_lists_and_counts(load: Run, database: Database[Document], tmp_path: Path) -> None:
    pairs = write_list(tmp_path / "graph.txt.gz", Shape(users=200, celebrity=500, edges=1_500, seed=1))
    done = load(tmp_path / "graph.txt.gz", "--create-users", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert (told["followed"], told["people"], told["errors"]) == (2_000, len(people_of(pairs)), 0)
    check_graph(database, pairs)
    person = database["users"].find_one({"_id": people_of(pairs)[0]})
    assert person
    assert (person["email"], person["password_hash"], person["roles"]) == ("", "", ["FAN"])
    assert " " in person["display_name"]


def test_times_of_follows_go_down_the_list_and_are_their_versions(load: Run, database: Database[Document], tmp_path: Path) -> None:
    pairs = write_list(tmp_path / "graph.txt", Shape(users=30, celebrity=0, edges=100, seed=1))
    assert load(tmp_path / "graph.txt", "--create-users").returncode == 0
    loaded = database["loads"].find_one({"name": str(tmp_path / "graph.txt")})
    assert loaded
    edges = list(database["follows"].find({"creator_id": {"$in": people_of(pairs)}}))
    lines = sorted(int((loaded["started_at"] - edge["followed_at"]).total_seconds() * 1000 + 0.5) for edge in edges)
    assert lines == list(range(1, 101))
    assert all(edge["version"] == round(edge["followed_at"].timestamp() * 1000) for edge in edges)


def test_loading_again_changes_nothing(load: Run, database: Database[Document], tmp_path: Path) -> None:
    path = tmp_path / "graph.txt"
    pairs = write_list(path, Shape(users=100, celebrity=150, edges=500, seed=1))
    assert load(path, "--create-users").returncode == 0
    creators = {"creator_id": {"$in": people_of(pairs)}}
    before = list(database["follows"].find(creators).sort("_id"))
    for arguments in ((path,), (path, "--restart", "--create-users")):
        told = json.loads(load(*arguments, "--json").stdout)
        assert (told["followed"], told["renewed"], told["known"], told["people"]) == (0, 0, 650, 0)
    assert list(database["follows"].find(creators).sort("_id")) == before
    check_graph(database, pairs)


def test_a_follow_that_had_ended_begins_anew_with_a_higher_version(
    load: Run, mongo: Mongo, database: Database[Document], tmp_path: Path
) -> None:
    path = tmp_path / "graph.txt"
    pairs = write_list(path, Shape(users=20, celebrity=0, edges=40, seed=1))
    assert load(path, "--create-users").returncode == 0
    ended = Follows(mongo).unfollow(*min(pairs))
    told = json.loads(load(path, "--json").stdout)
    again = Follows(mongo).state(*min(pairs))
    assert (told["renewed"], told["known"]) == (1, 39)
    assert again.following
    assert again.version > ended.version
    check_graph(database, pairs)


def test_wrong_lines_are_told_by_number_and_the_rest_is_loaded(load: Run, database: Database[Document], tmp_path: Path) -> None:
    path, errors = tmp_path / "graph.txt", tmp_path / "wrong.txt"
    pairs = write_list(path, Shape(users=10, celebrity=0, edges=20, seed=1))
    assert load(path, "--create-users").returncode == 0
    one, other = people_of(pairs)[:2]
    lines = [f"{one} {uuid.uuid4()}", "# a comment", f"{one} {other} 5", "", f"{one},{one}", "x" * 101 + " y", f"{other},{one}"]
    done = load("-", "--errors", errors, "--json", stdin="\n".join(lines))
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert (told["errors"], told["followed"] + told["known"]) == (4, 1)
    assert [line.split(":")[:2] for line in errors.read_text().splitlines()] == [
        ["line 1", f" there is no user {lines[0].split()[1]}"],
        ["line 3", " not two ids"],
        ["line 5", " the same id twice"],
        ["line 6", " an id of more than 100 characters"],
    ]
    check_graph(database, pairs | {(other, one)})


def test_too_many_wrong_lines_end_the_load_and_it_goes_on_once_they_may_be(load: Run, database: Database[Document], tmp_path: Path) -> None:
    path = tmp_path / "graph.txt"
    pairs = write_list(path, Shape(users=20, celebrity=0, edges=50, seed=1))
    path.write_text(path.read_text() + "\nx\ny\nz\n")
    options = (path, "--create-users", "--batch", "50", "--max-errors")
    stopped = load(*options, "2")
    assert stopped.returncode == 1
    assert stopped.stderr.splitlines()[-1].startswith("INVALID_INPUT: More than 2 lines")
    done = load(*options, "3", "--json")
    assert done.returncode == 0
    assert "going on behind line 50" in done.stderr
    assert json.loads(done.stdout)["errors"] == 3
    check_graph(database, pairs)


def test_a_killed_load_goes_on_behind_its_last_batch(
    load: Run, command: Callable[..., "subprocess.Popen[str]"], database: Database[Document], tmp_path: Path
) -> None:
    path = tmp_path / "graph.txt.gz"
    pairs = write_list(path, Shape(users=500, celebrity=1_000, edges=5_000, seed=1))

    # What the store was at when its writer died counts, too: such a read waits until that is committed.
    loads = database.get_collection("loads", read_concern=ReadConcern("linearizable"))

    def line_reached() -> int:
        checkpoint = loads.find_one({"name": str(path)})
        return int(checkpoint["line"]) if checkpoint else 0

    with command(path, "--create-users", "--batch", "20") as process:
        eventually(lambda: line_reached() >= 500)
        process.kill()
    reached = line_reached()
    assert reached < 6_000
    done = load(path, "--create-users", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert f"going on behind line {reached:,}" in done.stderr
    assert (told["resumed_behind_line"], told["followed"] + told["known"]) == (reached, 6_000)
    check_graph(database, pairs)


def test_a_damaged_file_is_no_finished_load(load: Run, tmp_path: Path) -> None:
    path = tmp_path / "graph.txt.gz"
    write_list(path, Shape(users=100, celebrity=0, edges=500, seed=1))
    path.write_bytes(path.read_bytes()[:-100])
    done = load(path, "--create-users", "--no-wait")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("UNREADABLE: ")


@pytest.mark.parametrize("arguments", [("no such file",), ("-", "--batch", "0"), ("-", "--lag-s", "1"), ("-", "--errors", "/nowhere/x")])
def test_a_command_line_that_makes_no_sense_is_exit_code_2(load: Run, arguments: tuple[str, ...]) -> None:
    assert load(*arguments).returncode == 2
