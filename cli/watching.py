"""Watching events go by, through a queue that lives as long as the watcher."""

import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence

from pika.adapters.blocking_connection import BlockingChannel

from cli.broker import connected
from services.contracts.errors import Unavailable
from services.kernel.topology import EVENTS_EXCHANGE

# A watcher who falls this far behind misses the oldest events; the broker's memory is not his to fill.
MAX_WAITING = 10_000
PREFETCH = 200
# How soon the end of the time and a broken connection are noticed.
LOOK_EVERY_S = 0.2
FIRST_BACKOFF_S = 0.2
LONGEST_BACKOFF_S = 3.0


def watch(url: str, patterns: Sequence[str], deadline: float, note: Callable[[str], None]) -> Iterator[bytes]:
    """Bodies of events, as they come, until the deadline (on time.monotonic()).

    patterns: of topic keys, such as order.*; an event that fits several comes once. note: is told when the watch begins, breaks
    and goes on. Raises Unavailable where the broker can't be reached at first, Forbidden where it lets this user watch nothing.
    """
    listening, backoff_s = False, FIRST_BACKOFF_S
    while time.monotonic() < deadline:
        try:
            with connected(url) as connection:
                channel = connection.channel()
                queue = _bind_queue(channel, patterns)
                note(f"listening to {' '.join(patterns)}")
                listening, backoff_s = True, FIRST_BACKOFF_S
                yield from _events(channel, queue, deadline)
        except Unavailable as error:
            if not listening:
                raise
            if backoff_s == FIRST_BACKOFF_S:
                note(f"{error.message} Trying again; events until then are not seen.")
            time.sleep(max(0.0, min(backoff_s * random.uniform(0.5, 1.0), deadline - time.monotonic())))
            backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)


def _bind_queue(channel: BlockingChannel, patterns: Sequence[str]) -> str:
    queue = f"watch.{uuid.uuid4()}"
    # Never reject-publish: a slow watcher would hold up the sale.
    arguments = {"x-max-length": MAX_WAITING, "x-overflow": "drop-head"}
    channel.queue_declare(queue, exclusive=True, auto_delete=True, arguments=arguments)
    for pattern in patterns:
        channel.queue_bind(queue, EVENTS_EXCHANGE, pattern)
    return queue


def _events(channel: BlockingChannel, queue: str, deadline: float) -> Iterator[bytes]:
    channel.basic_qos(prefetch_count=PREFETCH)
    for method, _properties, body in channel.consume(queue, inactivity_timeout=LOOK_EVERY_S):
        if method is not None and method.delivery_tag is not None and body is not None:
            yield body
            channel.basic_ack(method.delivery_tag)
        if time.monotonic() >= deadline:
            return
