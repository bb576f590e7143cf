"""A broker connection in a thread of its own, for processes with threads (gateway, relay, tools).

pika is not thread-safe: everything that touches the channel runs in the I/O thread, reached through `run_soon`.
A lost connection is opened again, with backoff, for as long as the process lives.
"""

import logging
import random
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

import pika
from pika.adapters.select_connection import SelectConnection
from pika.channel import Channel
from pika.credentials import PlainCredentials

log = logging.getLogger("livedrops.amqp")

FIRST_BACKOFF_S = 0.1
# What a broker that is back costs a caller; a try costs it next to nothing.
LONGEST_BACKOFF_S = 1.0
# A dead peer is noticed within two heartbeats.
HEARTBEAT_S = 20


class Session(Protocol):
    """What lives on a connection. Both are called in the I/O thread."""

    def opened(self, channel: Channel) -> None:
        """A new channel is open; declare, consume, send what waits."""

    def lost(self) -> None:
        """The channel is gone, with all that was not confirmed."""


class AmqpThread:
    """Keeps one connection with one channel open and runs a Session on it."""

    def __init__(self, url: str, session: Session, name: str) -> None:
        self._parameters = pika.URLParameters(url)
        self._parameters.heartbeat = HEARTBEAT_S
        self._parameters.client_properties = {"connection_name": name}
        # The broker's user of this connection: a message that claims another user-id is refused by the broker.
        self.user: str = cast(PlainCredentials, self._parameters.credentials).username
        self._session = session
        self._name = name
        self._lock = threading.Lock()
        self._loop_lock = threading.Lock()
        self._soon: deque[Callable[[], None]] = deque()
        self._connection: SelectConnection | None = None
        self._open = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Close the connection and end the thread."""
        self._stopping.set()
        self._wake(self._close)
        self._thread.join(timeout_s)

    def is_open(self) -> bool:
        return self._open.is_set()

    def wait_open(self, timeout_s: float) -> bool:
        return self._open.wait(timeout_s)

    def run_soon(self, work: Callable[[], None]) -> None:
        """Run in the I/O thread. Work queued while nothing is connected runs after the next `opened`."""
        with self._lock:
            self._soon.append(work)
            first = len(self._soon) == 1
        if first and self._open.is_set():
            self._wake(self._drain)

    def _wake(self, work: Callable[[], None]) -> None:
        with self._loop_lock:
            if self._connection is not None:
                self._connection.ioloop.add_callback_threadsafe(work)

    def _drain(self) -> None:
        while self._open.is_set():
            with self._lock:
                if not self._soon:
                    return
                work = list(self._soon)
                self._soon.clear()
            for item in work:
                item()

    def _run(self) -> None:
        backoff = FIRST_BACKOFF_S
        while not self._stopping.is_set():
            was_open = self._connect_once()
            backoff = FIRST_BACKOFF_S if was_open else min(backoff * 2, LONGEST_BACKOFF_S)
            self._stopping.wait(backoff * random.uniform(0.5, 1.0))

    def _connect_once(self) -> bool:
        """One connection's life. True if it was ever usable."""
        self._was_open = False
        self._connection = SelectConnection(
            self._parameters,
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._channel_opened),
            on_open_error_callback=lambda connection, error: self._ended(connection, error),
            on_close_callback=lambda connection, reason: self._ended(connection, reason),
        )
        try:
            self._connection.ioloop.start()
        except Exception:
            log.exception("%s: the I/O loop failed", self._name)
        finally:
            self._mark_lost()
            self._discard()
        return self._was_open

    def _discard(self) -> None:
        with self._loop_lock:
            loop = self._connection.ioloop if self._connection else None
            self._connection = None
        if loop is not None:
            loop.close()  # pika leaves the loop's own sockets open

    def _channel_opened(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._channel_closed)
        self._session.opened(channel)

    def ready(self) -> None:
        """To be called by the session, in the I/O thread, once its declarations are done."""
        self._was_open = True
        self._open.set()
        self._drain()

    def _channel_closed(self, channel: Channel, reason: BaseException) -> None:
        if not self._stopping.is_set():
            log.warning("%s: channel closed: %s", self._name, reason)
        self._mark_lost()
        connection = self._connection
        if connection is not None and connection.is_open:
            connection.close()

    def _close(self) -> None:
        connection = self._connection
        if connection is not None and not (connection.is_closing or connection.is_closed):
            connection.close()

    def _ended(self, connection: pika.connection.Connection, reason: object) -> None:
        if not self._stopping.is_set():
            log.warning("%s: connection lost: %r", self._name, reason)
        self._mark_lost()
        connection.ioloop.stop()  # type: ignore[attr-defined]

    def _mark_lost(self) -> None:
        if self._open.is_set():
            self._open.clear()
            self._session.lost()
