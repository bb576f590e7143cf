"""Run one nameko service: python -m services.kernel.run services.orders.service:OrdersService

SIGTERM stops gracefully: no new work is taken, what is in flight is finished, for at most LIVEDROPS_STOP_TIMEOUT_S. SIGHUP does the same, and goes on
with the settings of then.
"""

import os
import warnings

# eventlet's own resolver is a quarter of a second of imports at each start, and knows nothing of nsswitch. Ours are few names, looked up when a
# connection is opened; the system's resolver does that.
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
# eventlet announces its end of life at each start; nameko needs it, and docs/adr/0001 says what we do about it.
warnings.filterwarnings("ignore", r"\s*Eventlet is deprecated")

import eventlet  # noqa: E402

eventlet.monkey_patch()

# The patch has to come before anything that opens a socket or starts a thread, hence the order of imports.
import importlib  # noqa: E402
import logging  # noqa: E402
import sys  # noqa: E402
from functools import partial  # noqa: E402
from typing import Any  # noqa: E402

import nameko  # noqa: E402
from kombu import Connection  # noqa: E402
from nameko.runners import ServiceRunner  # noqa: E402
from psycogreen.eventlet import patch_psycopg  # noqa: E402

from services.kernel import health  # noqa: E402
from services.kernel.config import Settings  # noqa: E402
from services.kernel.process import Process, enter, settle_memory  # noqa: E402
from services.kernel.renewal import become_again_if_wanted, stop_on_signals  # noqa: E402

log = logging.getLogger("livedrops.run")
# Calls that a service works on at once. More would only wait for its database connections.
MAX_WORKERS = 32
# A consumer whose broker died without a word notices within two of these.
HEARTBEAT_S = 20
# A unit and its broker may start together, and a broker takes some ten seconds; past this the supervisor tries again.
BROKER_PATIENCE_S = 90.0
BROKER_LOOK_EVERY_S = 0.2


def main(argument: str) -> None:
    """Run the service class that "module:Class" names until SIGTERM or SIGINT."""
    patch_psycopg()
    module, _, name = argument.partition(":")
    service = getattr(importlib.import_module(module), name)
    settings: Settings = service.settings_class.load_or_exit()
    process = enter(settings)
    # nameko logs expected errors with their stack; they are answers, not faults.
    logging.getLogger("nameko.containers").setLevel(logging.ERROR)
    nameko.config.setup({"AMQP_URI": settings.broker_url.get_secret_value(), "max_workers": MAX_WORKERS, "HEARTBEAT": HEARTBEAT_S})
    runner = ServiceRunner()
    runner.add_service(service)
    stop_on_signals(service.settings_class, partial(eventlet.spawn_n, _stop, process, runner))
    health.serve(process)
    _wait_for_broker(settings.broker_url.get_secret_value())
    runner.start()
    settle_memory()
    log.info("started %s", argument)
    runner.wait()
    process.stop()
    become_again_if_wanted()


def _wait_for_broker(url: str) -> None:
    """nameko itself ends where there is no broker yet. Raises what the last try raised."""
    with Connection(url, connect_timeout=2) as connection:
        connection.ensure_connection(interval_start=BROKER_LOOK_EVERY_S, interval_step=0, timeout=BROKER_PATIENCE_S)


def _stop(process: Process, runner: Any) -> None:
    process.stopping.set()
    timeout_s = process.settings.stop_timeout_s
    with eventlet.Timeout(timeout_s, False):
        runner.stop()
        return
    log.warning("work was still in flight after %s s", timeout_s)
    runner.kill()


if __name__ == "__main__":
    if len(sys.argv) != 2 or ":" not in sys.argv[1]:
        sys.exit("usage: python -m services.kernel.run MODULE:CLASS")
    main(sys.argv[1])
