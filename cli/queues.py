"""How the event queues are: how much waits, how old the oldest is, what is tried again, what is dead.

The head of a queue is looked at by taking it without an acknowledgement and giving it back: the broker does so when the channel closes, however
this process ends.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from cli.dead_letters import depth
from services.contracts.events import events_of
from services.kernel.topology import DELAY_STEPS_S, consumers, dead_queue, delay_exchange, event_queue

# Of one delay queue, to see whose they are: beyond that many, something is wrong with a store, not with an event.
MOST_LOOKED_AT = 500


@dataclass(frozen=True)
class QueueState:
    """One consumer. Messages each hold one event or some. Ages in seconds since the event; None where nothing is there, or can't be seen.

    retrying: messages that wait for another try, as far as was looked.
    """

    consumer: str
    waiting: int | None
    oldest_s: int | None
    retrying: int
    dead: int | None
    oldest_dead_s: int | None


def states(connection: pika.BlockingConnection, looks_at_retries: bool = True) -> list[QueueState]:
    """Of all consumers. looks_at_retries: False for who looks often, since it takes what waits in the delay queues and gives it back."""
    retrying = _retrying(connection) if looks_at_retries else Counter[str]()
    return [_state(connection, consumer, retrying[event_queue(consumer)]) for consumer in consumers()]


def _state(connection: pika.BlockingConnection, consumer: str, retrying: int) -> QueueState:
    waiting, dead = depth(connection, event_queue(consumer)), depth(connection, dead_queue(consumer))
    return QueueState(
        consumer,
        waiting,
        # Looking at the head of a queue is taking it, for a moment: not where nothing is.
        _age_of_head(connection, event_queue(consumer)) if waiting else None,
        retrying,
        dead,
        _age_of_head(connection, dead_queue(consumer)) if dead else None,
    )


def delays(connection: pika.BlockingConnection) -> dict[int, int | None]:
    """How many wait for another try, by the seconds that they wait."""
    return {seconds: depth(connection, delay_exchange(seconds)) for seconds in DELAY_STEPS_S}


def _retrying(connection: pika.BlockingConnection) -> Counter[str]:
    """How many messages each consumer's queue will get back."""
    found = Counter[str]()
    for seconds in DELAY_STEPS_S:
        found.update(key for key, _ in _heads(connection, delay_exchange(seconds), MOST_LOOKED_AT))
    return found


def _age_of_head(connection: pika.BlockingConnection, queue: str) -> int | None:
    for _, body in _heads(connection, queue, 1):
        try:
            happened = min(event.occurred_at for event in events_of(body))
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
            return None
        return max(0, int((datetime.now(UTC) - happened).total_seconds()))
    return None


def _heads(connection: pika.BlockingConnection, queue: str, most: int) -> list[tuple[str, bytes]]:
    """Routing key and body of the first messages, all of which stay; none where the broker does not let us see."""
    channel: BlockingChannel = connection.channel()
    found: list[tuple[str, bytes]] = []
    try:
        while len(found) < most:
            method, _, body = channel.basic_get(queue)
            if method is None or body is None:
                break
            found.append((method.routing_key or "", body))
    except ChannelClosedByBroker:
        return []
    finally:
        if channel.is_open:
            channel.close()
    return found
