"""Dead letters of one event consumer: looking at them, and sending them back to be handled.

A letter is taken from its queue without an acknowledgement, so the broker puts back everything that we did not replay when
the channel closes, however this process ends. A quorum queue puts a letter back behind those that were put back before: the
order stays only for those who take the whole queue.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, NackError, UnroutableError
from pika.spec import BasicProperties

from cli.broker import connected
from services.contracts.errors import Unavailable
from services.kernel.topology import consumers, dead_queue, event_queue
from services.kernel.wire import ATTEMPT, ERROR

# Queues up to this depth are taken whole, to keep their order; it costs a second at most.
TAKEN_WHOLE = 200


@dataclass(frozen=True)
class DeadLetter:
    """One message of a dead-letter queue. `tag` is its delivery tag on the channel that took it."""

    tag: int
    properties: BasicProperties
    body: bytes

    @property
    def event_id(self) -> str:
        return self.properties.message_id or _text(self._event().get("id"))

    @property
    def event_type(self) -> str:
        return self.properties.type or _text(self._event().get("type"))

    @property
    def attempts(self) -> int:
        """How often a handler tried it; 0 where it was no event that a handler could have been given."""
        return int(self._headers.get(ATTEMPT, 0))

    @property
    def error(self) -> str:
        """What was raised at the last try, with its stack."""
        return _text(self._headers.get(ERROR))

    def fresh_properties(self) -> BasicProperties:
        """Those of the event as it was first delivered: no attempt, no error, nothing that the broker added."""
        return BasicProperties(
            content_type=self.properties.content_type,
            content_encoding=self.properties.content_encoding,
            headers={name: value for name, value in self._headers.items() if not name.startswith("x-")},
            delivery_mode=pika.DeliveryMode.Persistent.value,
            message_id=self.properties.message_id,
            type=self.properties.type,
        )

    @property
    def _headers(self) -> dict[str, Any]:
        return dict(self.properties.headers or {})

    def _event(self) -> dict[str, Any]:
        try:
            event = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return {}
        return event if isinstance(event, dict) else {}


def consumer_of(queue: str) -> str | None:
    """The consumer that a name stands for: its own, its event queue's or its dead-letter queue's."""
    for consumer in consumers():
        if queue in (consumer, event_queue(consumer), dead_queue(consumer)):
            return consumer
    return None


def depth(connection: pika.BlockingConnection, queue: str) -> int | None:
    """How many messages wait in a queue; None where the broker does not let us see."""
    channel = connection.channel()
    try:
        return int(channel.queue_declare(queue, passive=True).method.message_count)
    except ChannelClosedByBroker:
        return None
    finally:
        if channel.is_open:
            channel.close()


class DeadLetters:
    """The dead letters of one consumer, on a channel of their own. `open_letters` makes it."""

    def __init__(self, channel: BlockingChannel, consumer: str) -> None:
        self._channel = channel
        self._dead, self._live = dead_queue(consumer), event_queue(consumer)
        self.depth: int = channel.queue_declare(self._dead, passive=True).method.message_count

    def take(self, most: int | None = None) -> Iterator[DeadLetter]:
        """Letters, oldest first: no more than there were at the start, or than `most`. They stay in the queue unless replayed."""
        for _ in range(self.depth if most is None else min(most, self.depth)):
            method, properties, body = self._channel.basic_get(self._dead)
            if method is None or method.delivery_tag is None or properties is None or body is None:
                return
            yield DeadLetter(method.delivery_tag, properties, body)

    def oldest(self, count: int) -> list[DeadLetter]:
        """The first letters, all of which stay."""
        return list(self.take(max(count, TAKEN_WHOLE)))[:count]

    def replay(self, letter: DeadLetter) -> None:
        """Give it to its consumer anew, and take it out of the queue once the broker has it there.

        Dying in between leaves it in both; consumers dedupe. Raises Unavailable where the consumer's queue is full or missing.
        """
        try:
            self._channel.basic_publish("", self._live, letter.body, letter.fresh_properties(), mandatory=True)
        except (UnroutableError, NackError) as error:
            raise Unavailable(f"{self._live} did not take {letter.event_id}: is the queue full or missing?") from error
        self._channel.basic_ack(letter.tag)


@contextmanager
def open_letters(url: str, consumer: str) -> Iterator[DeadLetters]:
    """A consumer's dead letters for the block. Raises Unavailable, Forbidden, NotFound where there is no such queue."""
    with connected(url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        yield DeadLetters(channel, consumer)


@dataclass
class Replay:
    """What became of a replay so far."""

    replayed: int = 0
    kept: int = 0
    missing: Collection[str] = ()


def replay(letters: DeadLetters, wanted: Collection[str] | None, progress: Callable[[Replay], None]) -> Replay:
    """Replay the letters of these event ids, or all where `wanted` is None. Looks at each letter that was there at the start."""
    done = Replay(missing=set(wanted or ()))
    for letter in letters.take():
        if wanted is None or letter.event_id in wanted:
            letters.replay(letter)
            done.replayed += 1
            done.missing = set(done.missing) - {letter.event_id}
        else:
            done.kept += 1
        progress(done)
    return done


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
