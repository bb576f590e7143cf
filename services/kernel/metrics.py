"""statsd metrics. Names are dotted: <what>.<which>.<detail>; times are in milliseconds.

Metrics of one process are gathered for a moment and sent together: a packet each costs more than what it measures.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from statsd import StatsClient
from statsd.client.udp import Pipeline

# Seen late by this much, a metric is still fresh for every scraper.
FLUSH_EVERY_S = 0.5
# A process that nobody flushes (no thread yet) must not grow without bound.
MAX_GATHERED = 2_000


class Metrics:
    """Counters, timings and gauges of one process. Never raises: a lost metric is no reason to fail an order."""

    def __init__(self, host: str = "127.0.0.1", port: int = 8125, prefix: str = "livedrops") -> None:
        self._client = StatsClient(host=host, port=port, prefix=prefix)
        self._lock = threading.Lock()
        self._pipeline: Pipeline = self._client.pipeline()
        self._gathered = 0
        self._flushed_at = time.monotonic()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Flush from a thread of its own from now on."""
        threading.Thread(target=self._flush_always, name="metrics", daemon=True).start()

    def count(self, name: str, amount: int = 1) -> None:
        with self._lock:
            self._pipeline.incr(name, amount)
            self._gather()

    def timing(self, name: str, elapsed_s: float) -> None:
        with self._lock:
            self._pipeline.timing(name, elapsed_s * 1000)
            self._gather()

    def gauge(self, name: str, value: float) -> None:
        with self._lock:
            self._pipeline.gauge(name, value)
            self._gather()

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Time a block as <name>, and count <name>.failed where it raises."""
        begin = time.perf_counter()
        try:
            yield
        except Exception:
            self.count(f"{name}.failed")
            raise
        finally:
            self.timing(name, time.perf_counter() - begin)

    def flush(self) -> None:
        """Send what was gathered. Outside the lock: a send lets others run, and they would all wait for it."""
        with self._lock:
            gathered, self._pipeline, self._gathered = self._pipeline, self._client.pipeline(), 0
        gathered.send()

    def stop(self) -> None:
        self._stopped.set()
        self.flush()
        self._client.close()

    def _gather(self) -> None:
        self._gathered += 1
        if self._gathered >= MAX_GATHERED:
            self._gathered = 0
            self._pipeline.send()

    def _flush_always(self) -> None:
        while not self._stopped.wait(FLUSH_EVERY_S):
            self.flush()
