"""Run one gateway process: python -m gateway"""

from granian import Granian
from granian.constants import HTTPModes, Interfaces, RuntimeModes
from granian.log import LogLevels

from gateway.settings import GatewaySettings

# Connections that wait in the kernel: a celebrity's drop opens thousands in a moment, through few ingress connections.
BACKLOG = 2_048


def main() -> None:
    settings = GatewaySettings.load_or_exit()
    Granian(
        "gateway.app:create",
        factory=True,
        address=settings.http_host,
        port=settings.http_port or 8080,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        runtime_mode=RuntimeModes.st,
        blocking_threads=settings.threads,
        backpressure=settings.threads,
        backlog=BACKLOG,
        respawn_failed_workers=True,
        workers_kill_timeout=int(settings.stop_timeout_s),
        log_level=LogLevels.warning,
    ).serve()


if __name__ == "__main__":
    main()
