"""Which loopback port each server and unit of an instance listens on.

Chosen on the first `up` and kept, so that addresses stay the same; a port that somebody else took meanwhile is chosen anew.
"""

import random
import socket
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import msgspec

from stack.errors import SetupError
from stack.instance import write_private

# Below the kernel's own range for outgoing connections (32768 up), or one of those could take a port between two starts.
FIRST_PORT, LAST_PORT = 20_000, 32_000
# The port that units send their metrics to.
STATSD = "statsd"
# Where the ingress tells its own metrics.
INGRESS_METRICS = "ingress-metrics"
# In a range of 12,000, this many misses in a row mean that something is wrong with the machine, not with luck.
MOST_TRIES = 1000


def is_free(port: int) -> bool:
    """Whether a server could listen there now. Connections that are only being forgotten (TIME_WAIT) do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def settle_ports(names: Collection[str], known: Mapping[str, int], free: Callable[[int], bool]) -> dict[str, int]:
    """A port for each name: the known one while it is free, otherwise a free one that no other name has."""
    ports = {name: port for name, port in known.items() if name in names and free(port)}
    for name in names:
        if name not in ports:
            ports[name] = _choose(frozenset(ports.values()) | frozenset(known.values()), free)
    return ports


def _choose(taken: Collection[int], free: Callable[[int], bool]) -> int:
    for _ in range(MOST_TRIES):
        # At random, so that two clones that choose at the same moment do not choose the same.
        port = random.randint(FIRST_PORT, LAST_PORT)
        if port not in taken and free(port):
            return port
    raise SetupError(f"No free port found on 127.0.0.1 between {FIRST_PORT} and {LAST_PORT}")


def load_ports(file: Path) -> dict[str, int]:
    return msgspec.json.decode(file.read_bytes(), type=dict[str, int]) if file.exists() else {}


def save_ports(file: Path, ports: Mapping[str, int]) -> None:
    write_private(file, msgspec.json.format(msgspec.json.encode(ports), indent=2).decode() + "\n")
