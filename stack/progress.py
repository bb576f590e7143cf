"""Telling a person what happens, one line for each step that is done."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Gets one finished line, without its newline.
Progress = Callable[[str], None]


def silent(_line: str) -> None:
    """For callers that want no lines."""


def to_stdout(line: str) -> None:
    """Print at once, also into a pipe, so that whoever watches sees where it hangs."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def done(title: str, started: float) -> str:
    """The line of a finished step. started: time.monotonic() of its beginning."""
    mark = "✓" if sys.stdout.isatty() and (sys.stdout.encoding or "").lower().startswith("utf") else "ok"
    return f"  {mark:<2} {title:<34} {time.monotonic() - started:6.1f} s"


def left_out(name: str, reason: str) -> str:
    """The line of what LiveDrops goes on without."""
    return f"  -- {name} left out: {reason}"


@contextmanager
def step(progress: Progress, title: str) -> Iterator[None]:
    """Report a step when it is done; nothing where it raises."""
    started = time.monotonic()
    yield
    progress(done(title, started))
