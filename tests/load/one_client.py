"""One client that asks one question after the other."""

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def timed(ask: Callable[..., object], *arguments: object) -> float:
    """Seconds."""
    begun = time.perf_counter()
    ask(*arguments)
    return time.perf_counter() - begun


@contextmanager
def connection(address: str) -> Iterator[http.client.HTTPConnection]:
    """address: host:port."""
    made = http.client.HTTPConnection(address, timeout=10)
    yield made
    made.close()
