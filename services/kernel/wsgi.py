"""Serving a Flask application with granian: one worker process, so many threads.

SIGHUP reads the settings anew: a new worker starts with them beside the old one, on the same socket, and then the old one ends.
"""

import signal
from functools import partial
from types import FrameType
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces, RuntimeModes
from granian.log import LogLevels

from services.kernel.config import Settings
from services.kernel.renewal import make_sense

# A new worker has its imports and connections behind it by then, also on a busy machine; nobody is refused if not, only later answered.
_OVERLAP_S = 8.0


def serve(factory: str, settings: Settings, default_port: int, threads: int, backlog: int) -> None:
    """Until SIGTERM. factory: "module:function" that makes the application. backlog: connections that wait in the kernel.

    granian hands a body on as it arrives, and takes an answer piece by piece: memory stays the same whatever the size (docs/adr/0012).
    """
    server = Granian(
        factory,
        factory=True,
        address=settings.http_host,
        port=settings.http_port or default_port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        runtime_mode=RuntimeModes.st,
        blocking_threads=threads,
        backpressure=threads,
        backlog=backlog,
        respawn_failed_workers=True,
        respawn_interval=_OVERLAP_S,
        workers_kill_timeout=int(settings.stop_timeout_s),
        log_level=LogLevels.warning,
    )
    server.on_startup(partial(_check_before_reload, type(settings)))
    server.serve()


def _check_before_reload(settings: type[Settings]) -> None:
    """Go before granian's own handler, which is in place when this runs: settings that make no sense change nothing, and are told."""
    then: Any = signal.getsignal(signal.SIGHUP)

    def reload(number: int, frame: FrameType | None) -> None:
        if make_sense(settings):
            then(number, frame)

    signal.signal(signal.SIGHUP, reload)
