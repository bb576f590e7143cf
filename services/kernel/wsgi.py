"""Serving a Flask application with granian: one worker process, so many threads."""

from granian import Granian
from granian.constants import HTTPModes, Interfaces, RuntimeModes
from granian.log import LogLevels

from services.kernel.config import Settings


def serve(factory: str, settings: Settings, default_port: int, threads: int, backlog: int) -> None:
    """Until SIGTERM. factory: "module:function" that makes the application. backlog: connections that wait in the kernel.

    granian hands a body on as it arrives, and takes an answer piece by piece: memory stays the same whatever the size (docs/adr/0012).
    """
    Granian(
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
        workers_kill_timeout=int(settings.stop_timeout_s),
        log_level=LogLevels.warning,
    ).serve()
