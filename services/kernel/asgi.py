"""Serving an ASGI application with granian: one worker process with one event loop."""

import multiprocessing
import os
import signal
from types import FrameType
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.log import LogLevels

from services.kernel.config import Settings

# What the worker hears before granian waits for it: its answers may be endless, and only it can end them well.
DRAIN = signal.SIGUSR1


def serve(factory: str, settings: Settings, default_port: int, requests: int, backlog: int) -> None:
    """Until SIGTERM. factory: "module:function" that makes the application. requests: at once; more wait to be accepted."""
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
    server.on_startup(_tell_worker_first)
    server.serve()


def _tell_worker_first() -> None:
    """granian's own handlers are in place when this runs: go before them."""
    for number in (signal.SIGTERM, signal.SIGINT):
        then: Any = signal.getsignal(number)

        def stop(number: int, frame: FrameType | None, then: Any = then) -> None:
            for worker in multiprocessing.active_children():
                if worker.pid:
                    os.kill(worker.pid, DRAIN)
            then(number, frame)

        signal.signal(number, stop)
