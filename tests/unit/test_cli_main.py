"""The command line as a whole: help, exit codes, one plain line for an error."""

from collections.abc import Iterator
from typing import NoReturn

import click
import pytest
from click.testing import CliRunner

from cli import main
from cli.main import COMMANDS, livedrops
from services.contracts.errors import NotFound

OURS = [name for name in COMMANDS if name != "stack"]


def leaves(name: str, command: click.Command | None) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for child in command.commands.values():
            yield from leaves(f"{name} {child.name}", child)
    elif command is not None:
        yield name, command


def every_command() -> list[tuple[str, click.Command]]:
    return [leaf for name in OURS for leaf in leaves(name, livedrops.get_command(click.Context(livedrops), name))]


@pytest.mark.parametrize(("path", "command"), every_command())
def test_every_command_has_help_with_an_example(path: str, command: click.Command) -> None:
    result = CliRunner().invoke(livedrops, [*path.split(" "), "--help"])
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert f"livedrops {path}" in result.stdout


def test_help_is_shown_where_the_stack_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "stack", "stack.no_such_module:stack")
    assert CliRunner().invoke(livedrops, ["--help"]).exit_code == 0
    assert CliRunner().invoke(livedrops, ["rpc", "--help"]).exit_code == 0
    broken = CliRunner().invoke(livedrops, ["stack", "up"])
    assert broken.exit_code == 2
    assert broken.stderr.startswith("NOT_CONFIGURED: `livedrops stack` can't be loaded: ")


def test_an_error_answer_is_one_line_and_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> NoReturn:
        raise NotFound("There is no\nsuch drop.", drop_id="x")

    monkeypatch.setattr(main.Commands, "get_command", lambda *_: click.Command("rpc", callback=fail))
    result = CliRunner().invoke(livedrops, ["rpc"])
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "NOT_FOUND: There is no such drop.\n")


@pytest.mark.parametrize(
    "arguments", [["nope"], ["rpc", "nope"], ["--profile", "moon", "rpc"], ["dlq", "show", "nope"], ["events", "tail", "--count", "0"]]
)
def test_bad_usage_is_exit_code_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(livedrops, arguments).exit_code == 2


@pytest.mark.parametrize("letters", [[], ["--all", "--id", "x"]])
def test_a_replay_must_say_which_letters(letters: list[str]) -> None:
    result = CliRunner().invoke(livedrops, ["dlq", "replay", "orders.views", *letters])
    assert result.exit_code == 2
    assert "--id" in result.stderr


def test_the_stack_commands_take_over_the_profile() -> None:
    stack = livedrops.get_command(click.Context(livedrops), "stack")
    assert isinstance(stack, click.Group)
    seen: list[str] = []
    up = stack.commands["up"]
    probe = click.Command("up", params=[parameter for parameter in up.params if parameter.name == "profile"], callback=seen.append)
    probe.callback = lambda profile: seen.append(profile)
    stack.commands["up"] = probe
    try:
        CliRunner().invoke(livedrops, ["--profile", "test", "stack", "up"])
        CliRunner().invoke(livedrops, ["--profile", "test", "stack", "up", "--profile", "dev"])
    finally:
        stack.commands["up"] = up
    assert seen == ["test", "dev"]
