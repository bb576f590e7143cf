"""Writing a stream to its client, and counting what is written."""

import asyncio
from datetime import UTC, datetime

from gateway.live.connection import Batch, Connection, Ending
from gateway.live.forms import Form
from gateway.live.requests import Receive, Send
from services.kernel.metrics import Metrics

# Delays that are told to the metrics of one second: enough for percentiles, and no packet for each client.
MOST_DELAYS = 200


class Tally:
    """What is counted for every client is told to the metrics once a second."""

    def __init__(self, metrics: Metrics, process: str) -> None:
        """process: tells the gauges of several processes of the unit apart."""
        self._metrics = metrics
        self._process = process
        self.messages = 0
        self._delays_s: list[float] = []

    def count(self, batch: Batch) -> None:
        """A batch was handed to the network."""
        self.messages += len(batch.letters) + len(batch.latest)
        if batch.letters and len(self._delays_s) < MOST_DELAYS:
            now = datetime.now(UTC)
            self._delays_s += [(now - told.cause_at).total_seconds() for told, _ in batch.letters if told.cause_at]

    def ended(self, ending: Ending) -> None:
        self._metrics.count(f"live.ended.{ending}")

    def flush(self, connections: int, people: int, drops: int) -> None:
        self._metrics.gauge(f"live.connections.{self._process}", connections)
        self._metrics.gauge(f"live.people.{self._process}", people)
        self._metrics.gauge(f"live.drops.{self._process}", drops)
        if self.messages:
            self._metrics.count("live.messages", self.messages)
        for delay_s in self._delays_s:
            self._metrics.timing("live.delay_ms", max(0.0, delay_s))
        self.messages, self._delays_s = 0, []


async def write(connection: Connection, form: Form, receive: Receive, send: Send, tally: Tally) -> None:
    """All that the connection is told, until it ends."""
    # A task of its own, which can be ended while its client takes nothing.
    writing = asyncio.create_task(_write(connection, form, send, tally))
    leaving = asyncio.create_task(_watch_leaving(connection, receive))
    connection.abort = writing.cancel
    try:
        await writing
    except asyncio.CancelledError:
        if connection.ending is not Ending.SLOW:
            raise
    finally:
        for task in (writing, leaving):
            task.cancel()
        await asyncio.gather(writing, leaving, return_exceptions=True)
        tally.ended(connection.ending or Ending.GONE)


async def _write(connection: Connection, form: Form, send: Send, tally: Tally) -> None:
    await send({"type": "http.response.body", "body": form.begin(), "more_body": True})
    while True:
        await connection.due()
        latest = connection.take_latest()
        if latest is not None:
            await send({"type": "http.response.body", "body": form.latest(latest), "more_body": True})
            tally.messages += len(latest)
            continue
        batch = connection.take()
        if batch.ending is Ending.GONE:
            return
        await send({"type": "http.response.body", "body": form.batch(batch), "more_body": batch.ending is None})
        tally.count(batch)
        if batch.ending is not None:
            return


async def _watch_leaving(connection: Connection, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    connection.finish(Ending.GONE)
