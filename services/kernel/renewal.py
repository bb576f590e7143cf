"""How a process ends, and how it takes up new settings.

SIGTERM and SIGINT end it. SIGHUP reads the settings anew: those that make no sense change nothing, and are told; for others the process ends well and
becomes itself again. To whoever runs it, it is the same process all the while; what it is asked meanwhile waits in its queue on the broker.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from services.kernel.config import ConfigurationError, Settings

# Whether this process is to become itself again at its end.
_wanted: list[bool] = []


def make_sense(settings: type[Settings]) -> bool:
    """Whether a process could start with what is written now; if not, standard error says why."""
    try:
        settings.load()
    except ConfigurationError as error:
        sys.stderr.write(f"settings stay as they are: {error}\n")
        sys.stderr.flush()
        return False
    return True


def stop_on_signals(settings: type[Settings], stop: Callable[[], Any]) -> None:
    """stop: begins the end, after which `become_again_if_wanted` is called. A second signal while it ends changes only what comes after."""

    def end(*_: object) -> None:
        _wanted.clear()
        stop()

    def renew(*_: object) -> None:
        if not _wanted and make_sense(settings):
            _wanted.append(True)
            stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    signal.signal(signal.SIGHUP, renew)


def become_again_if_wanted() -> None:
    """The last line of a process: the same command with the settings of now, where that is why it ended."""
    if _wanted:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
