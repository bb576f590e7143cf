"""Serving an ASGI application with granian: one worker process with one event loop."""

import multiprocessing
import os
import signal
from functools import partial
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.log import LogLevels

from services.kernel.config import Settings
from services.kernel.renewal import become_again_if_wanted, stop_on_signals

# What the worker hears before granian waits for it: its answers may be endless, and only it can end them well.
DRAIN = signal.SIGUSR1


def serve(factory: str, settings: Settings, default_port: int, requests: int, backlog: int) -> None:
    """Until SIGTERM; SIGHUP ends it as well, and then it goes on with the settings of then.

    factory: "module:function" that makes the application. requests: at once; more wait to be accepted.
    """
    server = Granian(
        factory,
        factory=True,
        address=settings.http_host,
        port=settings.http_port or default_port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        runtime_mode=RuntimeModes.st,
        loop=Loops.uvloop,
        websockets=False,
        backpressure=requests,
        backlog=backlog,
        respawn_failed_workers=True,
        workers_kill_timeout=int(settings.stop_timeout_s),
        log_level=LogLevels.warning,
    )
    server.on_startup(partial(_tell_worker_first, type(settings)))
    server.serve()
    become_again_if_wanted()


def _tell_worker_first(settings: type[Settings]) -> None:
    """granian's own handlers are in place when this runs: go before them."""
    then: Any = signal.getsignal(signal.SIGTERM)

    def stop() -> None:
        for worker in multiprocessing.active_children():
            if worker.pid:
                os.kill(worker.pid, DRAIN)
        then(signal.SIGTERM, None)

    stop_on_signals(settings, stop)
