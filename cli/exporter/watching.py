"""Asking each source again and again, and keeping what it said last."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cli.exporter.sources import Source

log = logging.getLogger("livedrops.exporter")
# So many looks may be missed before what was said is too old to be told.
LOOKS_MISSED = 3
# A source that is asked often is given this long at least: its own deadlines must be able to pass.
LEAST_PATIENCE_S = 10.0


class Watch(Collector):
    """sources: by name. every_s: between two looks at one."""

    def __init__(self, sources: Mapping[str, Source], every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._sources = sources
        self._every_s = every_s
        self._clock = clock
        self._said: dict[str, tuple[float, list[Metric]]] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        """Look from now on, at each source from a thread of its own; they end with the process."""
        for name in self._sources:
            threading.Thread(target=self._look_always, args=(name,), name=f"watch {name}", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def look(self, name: str) -> None:
        """Ask a source once. One that fails is away at once: what it said before is told no more."""
        try:
            self._said[name] = self._clock(), list(self._sources[name]())
        except Exception as error:  # whatever a client of a store raises, the store can't be asked
            if self._said.pop(name, None):
                log.warning("a source is away", extra={"source": name, "error": f"{type(error).__name__}: {error}"})

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("livedrops_source_up", "Whether the exporter can ask this source.", labels=("source",))
        patience_s = max(LEAST_PATIENCE_S, LOOKS_MISSED * self._every_s)
        for name in self._sources:
            said_at, metrics = self._said.get(name, (-patience_s, []))
            is_fresh = bool(metrics) and self._clock() - said_at <= patience_s
            up.add_metric((name,), float(is_fresh))
            if is_fresh:
                yield from metrics
        yield up

    def _look_always(self, name: str) -> None:
        while not self._stopped.is_set():
            self.look(name)
            self._stopped.wait(self._every_s)
