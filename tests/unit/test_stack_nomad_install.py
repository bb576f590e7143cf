"""How Nomad and Consul are found or built, and what happens where they can't be had."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from stack import install_nomad
from stack.errors import SetupError, StackError
from stack.install_go import version_of
from stack.install_nomad import PROGRAMS, provide_nomad


@pytest.fixture
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With nothing on PATH but a shell, and an empty cache."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("stack.binaries._MORE_FOLDERS", ())
    return tmp_path


def add_program(folder: Path, name: str, says: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho '{says}'\n")
    (folder / name).chmod(0o755)
    return folder / name


def nothing(_line: str) -> None:
    """Progress that nobody reads."""


class Builds:
    """Stands in for the commands that would download and build."""

    def __init__(self, fails: bool = False) -> None:
        self.commands: list[tuple[Sequence[str], Mapping[str, str]]] = []
        self._fails = fails

    def __call__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> None:
        self.commands.append((command, environment))
        assert folder is not None
        assert (folder / "go.sum").exists()
        if self._fails:
            raise StackError("go build failed with code 1:\ngo: downloading a\ndial tcp: no route to host")
        add_program(Path(command[command.index("-o") + 1]).parent, Path(command[command.index("-o") + 1]).name, "v9.9.9")


def test_a_persons_own_programs_are_used_where_they_are_new_enough(empty_machine: Path) -> None:
    own = {
        "nomad": add_program(empty_machine / "bin", "nomad", "Nomad v1.9.0"),
        "consul": add_program(empty_machine / "bin", "consul", "Consul v1.20.1"),
        "nomad-autoscaler": add_program(empty_machine / "bin", "nomad-autoscaler", "Nomad Autoscaler v0.4.5 (abc)"),
    }

    assert provide_nomad(nothing) == own


def test_an_old_one_and_missing_ones_are_built_once(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_program(empty_machine / "bin", "go", "go version go1.26.6 linux/amd64")
    add_program(empty_machine / "bin", "nomad", "Nomad v1.8.4")
    builds = Builds()
    monkeypatch.setattr(install_nomad, "run", builds)
    monkeypatch.setattr(install_nomad, "free_mb", lambda _folder: 10_000)

    first = provide_nomad(nothing)
    second = provide_nomad(nothing)

    assert first == second == {program.name: program.place for program in PROGRAMS}
    assert [command[-1] for command, _ in builds.commands] == [program.package for program in PROGRAMS]
    assert all(environment["CGO_ENABLED"] == "0" for _, environment in builds.commands)


def test_a_build_that_fails_is_told_with_what_to_do_and_leaves_nothing(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_program(empty_machine / "bin", "go", "go version go1.25.8 linux/amd64")
    monkeypatch.setattr(install_nomad, "run", Builds(fails=True))
    monkeypatch.setattr(install_nomad, "free_mb", lambda _folder: 10_000)

    with pytest.raises(SetupError, match=r"no route to host\nThis needs nomad 1\.9, consul 1\.18.*put them on PATH") as caught:
        provide_nomad(nothing)

    assert caught.value.exit_code == 2
    assert [file.name for file in (empty_machine / "cache" / "livedrops").iterdir()] == ["install.lock"]


def test_too_little_disk_is_told(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_nomad, "free_mb", lambda _folder: 10)

    with pytest.raises(SetupError, match="10 MB free"):
        provide_nomad(nothing)


def test_an_unknown_platform_is_told(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    with pytest.raises(SetupError, match="riscv64"):
        provide_nomad(nothing)


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ("Nomad v1.11.3\nBuildDate", (1, 11, 3)),
        ("go version go1.26.6 linux/amd64", (1, 26, 6)),
        ("Consul v1.22.5+ent", (1, 22, 5)),
        ("?", ()),
    ],
)
def test_versions_are_read_as_each_program_tells_them(tmp_path: Path, says: str, version: tuple[int, ...]) -> None:
    assert version_of(add_program(tmp_path, "program", says)) == version
