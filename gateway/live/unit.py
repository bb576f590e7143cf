"""The parts of one live process, and the life of a stream in it."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from gateway.live.connection import Connection, Ending
from gateway.live.drops import Drops
from gateway.live.inbox import Inbox
from gateway.live.limits import Places
from gateway.live.listening import Listener
from gateway.live.mesh import Mesh
from gateway.live.news import Kind
from gateway.live.settings import LiveSettings
from gateway.live.tasks import end
from gateway.live.writing import Tally
from services.contracts import live
from services.contracts.errors import Unavailable
from services.contracts.notifications import Place
from services.kernel import tracing
from services.kernel.process import Process
from services.kernel.tokens import SignIn, TokenReader

log = logging.getLogger("livedrops.live")
# What Redis did not bring is looked for in so many parts, one after the other.
LOOK_PARTS = 10
# Expired sign-ins, silent lines and stuck clients are looked for so often.
TICK_S = 1.0


@dataclass(frozen=True)
class Visitor:
    """Who opens a stream, and from where."""

    address: str
    signed_in: SignIn | None

    @property
    def user_id(self) -> str | None:
        return self.signed_in.viewer.id if self.signed_in else None


class Live:
    def __init__(self, process: Process, settings: LiveSettings) -> None:
        self.process = process
        self.settings = settings
        self.tokens = TokenReader(settings.jwt_public_key, settings.jwt_issuer, settings.jwt_other_public_keys)
        self.places = Places(settings)
        self.tally = Tally(process.metrics, str(settings.http_port))
        self.is_stopping = False
        self._mesh = Mesh(process, settings)
        self._listener = Listener(settings.redis_url.get_secret_value(), process.metrics, live.BROADCASTS, self._heard, self._opened)
        self._drops = Drops(self._mesh, self._listener)
        self._inbox = Inbox(self._mesh, self._listener, process.metrics)
        self._connections: set[Connection] = set()
        self._tasks: list[asyncio.Task[None]] = []
        process.prefer("redis-messages", self._listener.check)
        process.require("open", self._check_open)

    def start(self) -> None:
        self._mesh.rpc.start()
        always = (self._listener.run, self._drops.run, self._inbox.run, self._tick_always, self._look_always)
        self._tasks = [asyncio.create_task(run()) for run in always]
        for task in self._tasks:
            task.add_done_callback(_tell_death)

    async def stop(self) -> None:
        await end(*self._tasks)
        self._mesh.close()
        tracing.stop()
        self.process.metrics.flush()

    def drain(self) -> None:
        """End all streams: their clients come back, elsewhere or after the start."""
        self.is_stopping = True
        for connection in self._connections:
            connection.finish(Ending.STOPPING)

    async def blocking(self, work: Callable[[], Any]) -> Any:
        """Do what blocks, beside the loop."""
        return await self._mesh.run(work)

    async def open(
        self, stack: AsyncExitStack, visitor: Visitor, kinds: Collection[Kind], drop_ids: Sequence[str], after: Place | None
    ) -> Connection:
        """A stream that lives until the stack is closed. Raises LiveDropsError."""
        if self.is_stopping:
            raise Unavailable("This process is about to end. Try again.", retry_after_s=1)
        reads_inbox = Kind.NOTIFICATION in kinds
        until = visitor.signed_in.until if visitor.signed_in and reads_inbox else None
        connection = Connection(kinds, self.settings.live_letters, until)
        self.places.enter(visitor.user_id, visitor.address)
        stack.callback(self.places.leave, visitor.user_id, visitor.address)
        stack.callback(self._drops.leave, drop_ids, connection)
        await self._drops.watch(drop_ids, connection)
        if reads_inbox:
            assert visitor.user_id is not None
            # In a crowd this takes some seconds: the stream is open meanwhile, so that nobody on the way gives it up.
            joining = asyncio.create_task(self._inbox.join(visitor.user_id, after, connection))
            stack.push_async_callback(self._inbox.leave, joining)
        else:
            connection.greet()
        self._connections.add(connection)
        stack.callback(self._connections.discard, connection)
        if self.is_stopping:
            connection.finish(Ending.STOPPING)
        return connection

    def _heard(self, channel: str, message: bytes) -> None:
        kind, _, subject = channel.removeprefix("live.").partition(".")
        if channel == live.BROADCASTS:
            self._inbox.heard_broadcast(message)
        elif kind == "person":
            self._inbox.heard_of_person(subject, message)
        elif kind == "stock":
            self._drops.heard_stock(subject, message)
        else:
            self._drops.changed(subject)

    def _opened(self, channel: str) -> None:
        kind, _, subject = channel.removeprefix("live.").partition(".")
        if kind in ("stock", "drop"):
            self._drops.changed(subject)
        else:
            self._inbox.opened(channel)

    def _check_open(self) -> None:
        if self.is_stopping:
            raise Unavailable("stopping")

    async def _tick_always(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.tally.flush(len(self._connections), len(self._inbox), len(self._drops))
            self._tick(asyncio.get_running_loop().time())

    def _tick(self, now: float) -> None:
        """Look after all streams."""
        clock = time.time()
        for connection in self._connections:
            silent_s = now - connection.taken_at
            if connection.until is not None and clock >= connection.until:
                connection.finish(Ending.EXPIRED)
            if not connection.is_writing:
                if silent_s >= self.settings.live_heartbeat_s:
                    connection.beat()
            elif silent_s >= self.settings.live_stuck_s:
                connection.finish(Ending.SLOW)
                connection.abort()

    async def _look_always(self) -> None:
        every_s = self.settings.live_look_every_s
        while True:
            for part in range(LOOK_PARTS):
                await asyncio.sleep(every_s / LOOK_PARTS)
                self._inbox.look_at_part(part, LOOK_PARTS, every_s)
            self._inbox.look_at_broadcasts()
            self._drops.look_at_all()


def _tell_death(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a part of the live unit has ended", exc_info=error)
