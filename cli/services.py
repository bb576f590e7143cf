"""Calling services from the command line."""

from collections.abc import Iterator
from contextlib import contextmanager

from cli.addresses import BROKER, Addresses
from cli.broker import check_reachable
from services.kernel.metrics import Metrics
from services.kernel.rpc_client import RpcClient

# Answers of operators' calls come in milliseconds; past this something is wrong, and a person waits.
DEFAULT_TIMEOUT_S = 10.0
# The broker was reached a moment before; declaring a reply queue takes no longer than this.
OPEN_TIMEOUT_S = 5.0


@contextmanager
def rpc_client(addresses: Addresses) -> Iterator[RpcClient]:
    """A connected client for the block. Raises Unavailable, NotConfigured, and Forbidden where the broker refuses the sign-in."""
    url = addresses.require(BROKER)
    check_reachable(url)
    # Nothing sends these metrics: a person's call is no traffic.
    client = RpcClient(url, "livedrops", Metrics())
    client.start()
    try:
        client.wait_open(OPEN_TIMEOUT_S)
        client.check()
        yield client
    finally:
        client.stop()
