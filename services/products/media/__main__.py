"""Run one media process: python -m services.products.media"""

from granian import Granian
from granian.constants import HTTPModes, Interfaces, RuntimeModes
from granian.log import LogLevels

from services.products.media.settings import MediaSettings

# The ingress lets no more in than there are threads; this is for its health checks beside them.
BACKLOG = 256


def main() -> None:
    """granian hands a body on as it arrives, and takes an answer piece by piece: memory stays the same whatever the size (docs/adr/0012)."""
    settings = MediaSettings.load_or_exit()
    Granian(
        "services.products.media.app:create",
        factory=True,
        address=settings.http_host,
        port=settings.http_port or 8081,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        runtime_mode=RuntimeModes.st,
        blocking_threads=settings.media_threads,
        backpressure=settings.media_threads,
        backlog=BACKLOG,
        respawn_failed_workers=True,
        workers_kill_timeout=int(settings.stop_timeout_s),
        log_level=LogLevels.warning,
    ).serve()


if __name__ == "__main__":
    main()
