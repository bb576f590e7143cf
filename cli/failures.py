"""How a command fails: one plain line on stderr and an exit code, never a traceback.

click.ClickException
├── click.UsageError     exit code 2: the command line makes no sense
└── CommandFailed        exit code 1: what was asked for can't be had, or is not well
    └── NotConfigured    exit code 2: the command does not know where something is
"""

from typing import IO, Any

import click

from services.contracts.errors import LiveDropsError


class CommandFailed(click.ClickException):
    """A failure with a code for programs and a sentence for people."""

    exit_code = 1

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {' '.join(sentence.split())}")

    @classmethod
    def of(cls, error: LiveDropsError) -> "CommandFailed":
        return cls(error.code, error.message)

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=file is None)


class NotConfigured(CommandFailed):
    """A setting is missing or wrong. The sentence names it and says what to do."""

    exit_code = 2

    def __init__(self, sentence: str) -> None:
        super().__init__("NOT_CONFIGURED", sentence)
