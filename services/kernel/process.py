"""What there is one of in a process: its settings, its metrics and the checks of its readiness, set once at start."""

import gc
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from services.kernel import logs, tracing
from services.kernel.config import Settings
from services.kernel.metrics import Metrics

# A check returns nothing where all is well and raises where it is not.
Check = Callable[[], None]


def failure_of(check: Check) -> str | None:
    """What it raises, None where all is well."""
    try:
        check()
    except Exception as error:  # whatever a store's client raises, the answer is "not ready", with the reason
        return f"{type(error).__name__}: {error}"
    return None


@dataclass(frozen=True)
class Process:
    """required: checks without which this process can't do its work. optional: what it can do without, more slowly.

    taking: that its consumers take work; they begin once it can be done. stopping: set when it was asked to end; long work pauses where it can.
    """

    settings: Settings
    metrics: Metrics
    required: dict[str, Check] = field(default_factory=dict)
    optional: dict[str, Check] = field(default_factory=dict)
    taking: dict[str, Check] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)

    def require(self, name: str, check: Check) -> None:
        self.required[name] = check

    def take(self, name: str, check: Check) -> None:
        self.taking[name] = check

    def can_work(self) -> bool:
        """Whether all that is required is there."""
        return not any(failure_of(check) for check in self.required.values())

    def stop(self) -> None:
        """The end: send what was measured and recorded."""
        tracing.stop()
        self.metrics.stop()

    def prefer(self, name: str, check: Check) -> None:
        self.optional[name] = check


_process: list[Process] = []
# Python's default of 700 walks the young objects at nearly every request.
GC_YOUNG_OBJECTS = 20_000


def enter(settings: Settings) -> Process:
    """Begin: logs as JSON, metrics flowing, traces where they are wanted. A second time replaces the first (tests)."""
    logs.configure(settings)
    tracing.configure(settings)
    metrics = Metrics(settings.statsd_host, settings.statsd_port)
    metrics.start()
    _process[:] = [Process(settings, metrics)]
    return _process[0]


def settle_memory() -> None:
    """Once everything is loaded: leave what lives for ever out of every later garbage collection, and collect less often.

    Young objects die by reference count; the collector only looks for cycles, and a hot path makes few.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_YOUNG_OBJECTS, 20, 50)


def process() -> Process:
    """This process. IndexError before `enter`: a mistake of ours."""
    return _process[0]
