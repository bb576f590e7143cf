"""Run a loop in a process of its own (relay, reconciler): health checks, and a stop that finishes the round under way."""

import logging
import signal
import threading
from collections.abc import Callable

from services.kernel import health
from services.kernel.process import Process

log = logging.getLogger("livedrops.worker")
# After a round that failed: long enough not to hammer a store that is down, short enough to be back at once.
PAUSE_AFTER_FAILURE_S = 1.0


def run_rounds(process: Process, round_of_work: Callable[[], float], close: Callable[[], None]) -> None:
    """Call round_of_work for ever; it returns the seconds to wait before the next. SIGTERM and SIGINT end it after the round.

    A round that raises is logged and tried again: a worker outlives its stores.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    server = health.serve(process)
    log.info("started")
    while not stopping.is_set():
        try:
            pause_s = round_of_work()
        except Exception:
            log.exception("a round failed")
            process.metrics.count(f"worker.{process.settings.unit}.failed_rounds")
            pause_s = PAUSE_AFTER_FAILURE_S
        stopping.wait(pause_s)
    close()
    server.shutdown()
    process.stop()
    log.info("stopped")
