"""Run a loop in a process of its own (relay, reconciler): health checks, and a stop that finishes the round under way."""

import logging
import threading
from collections.abc import Callable

from services.kernel import health
from services.kernel.process import Process
from services.kernel.renewal import become_again_if_wanted, stop_on_signals

log = logging.getLogger("livedrops.worker")
# After a round that failed: long enough not to hammer a store that is down, short enough to be back at once.
PAUSE_AFTER_FAILURE_S = 1.0


def run_rounds(process: Process, round_of_work: Callable[[], float], close: Callable[[], None]) -> None:
    """Call round_of_work for ever; it returns the seconds to wait before the next. SIGTERM and SIGINT end it after the round,
    SIGHUP lets it go on with the settings of then.

    A round that raises is logged and tried again: a worker outlives its stores.
    """
    stopping = threading.Event()
    stop_on_signals(type(process.settings), stopping.set)
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
    become_again_if_wanted()
