"""Work that a unit does in steps for as long as it takes: asked for, and watched to its end."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import click

from cli.failures import CommandFailed
from services.contracts.errors import Unavailable

J = TypeVar("J")
LOOK_EVERY_S = 0.5
_options: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    click.option("--no-wait", is_flag=True, help="Ask for it and return; asking again shows how far it is."),
    click.option("--json", "as_json", is_flag=True, help="Print the end as one JSON object."),
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in _options:
        command = option(command)
    return command


def watch(
    job: J,
    look: Callable[[], J],
    is_over: Callable[[J], bool],
    told: Callable[[J], str],
    say: Callable[[str], None],
    unit: str,
    silent_s: float,
) -> J:
    """Tell how far it is, until its end. unit: that does it. Raises CommandFailed where nothing has moved for silent_s.

    While the service, or what it needs, is away for a moment, it is as far as it was.
    """
    moved_at, shown = time.monotonic(), ""
    while not is_over(job):
        line = told(job)
        if line != shown:
            moved_at, shown = time.monotonic(), line
            say(line)
        elif time.monotonic() - moved_at > silent_s:
            raise CommandFailed(
                "STUCK", f"Nothing has moved for {silent_s:.0f} s. Is the unit {unit} running? The work goes on when it is."
            )
        time.sleep(LOOK_EVERY_S)
        try:
            job = look()
        except Unavailable:
            continue
    return job
