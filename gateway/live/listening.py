"""The channels of Redis that somebody cares about, over one connection, which is made again for as long as the process lives."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import redis
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from gateway.live.tasks import end
from services.contracts.errors import Unavailable
from services.kernel.cache import batched
from services.kernel.metrics import Metrics

log = logging.getLogger("livedrops.live")
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.1, 1.0
CONNECT_TIMEOUT_S = 2.0
# A line on which nothing comes is asked whether it lives; past twice this it is given up.
SILENCE_S = 5.0
# Channels in one command.
AT_ONCE = 500


class Listener:
    """heard: what came on a channel. opened: from here on everything on it is heard; what came before must be asked for."""

    def __init__(self, url: str, metrics: Metrics, always: str, heard: Callable[[str, bytes], None], opened: Callable[[str], None]) -> None:
        self._url = url
        self._metrics = metrics
        self._heard = heard
        self._opened = opened
        self._wanted: Counter[str] = Counter([always])
        self._changed = asyncio.Event()
        self._is_open = False

    def want(self, channel: str) -> None:
        self._wanted[channel] += 1
        self._changed.set()

    def leave(self, channel: str) -> None:
        """As often as it was wanted."""
        self._wanted[channel] -= 1
        if self._wanted[channel] <= 0:
            del self._wanted[channel]
            self._changed.set()

    def check(self) -> None:
        """Raise Unavailable where nothing is heard."""
        if not self._is_open:
            raise Unavailable("Redis brings no messages.")

    async def run(self) -> None:
        """Until cancelled."""
        backoff_s = FIRST_BACKOFF_S
        while True:
            try:
                await self._listen()
            except (redis.RedisError, OSError, TimeoutError) as error:
                log.warning("lost Redis; what comes meanwhile is asked for", extra={"error": str(error)})
                self._metrics.count("live.redis_lost")
            backoff_s = FIRST_BACKOFF_S if self._is_open else min(backoff_s * 2, LONGEST_BACKOFF_S)
            self._is_open = False
            await asyncio.sleep(backoff_s * random.uniform(0.5, 1.0))

    async def _listen(self) -> None:
        client = Redis.from_url(self._url, socket_connect_timeout=CONNECT_TIMEOUT_S)
        subscription = client.pubsub()
        subscribing: asyncio.Task[None] | None = None
        try:
            known = set(self._wanted)
            await _in_parts(subscription.subscribe, known)
            subscribing = asyncio.create_task(self._follow_wishes(subscription, known))
            await self._read(subscription, subscribing)
        finally:
            if subscribing:
                await end(subscribing)
            await subscription.aclose()  # type: ignore[no-untyped-call]
            await client.aclose()

    async def _read(self, subscription: PubSub, subscribing: "asyncio.Task[None]") -> None:
        is_asked = False
        while not subscribing.done():
            message = await subscription.get_message(timeout=SILENCE_S)
            if message is None:
                if is_asked:
                    raise TimeoutError("Redis says nothing")
                is_asked = True
                await subscription.ping()
                continue
            is_asked = False
            self._is_open = True
            self._hand_on(message)
        subscribing.result()

    def _hand_on(self, message: dict[str, Any]) -> None:
        if message["type"] == "message":
            self._heard(message["channel"].decode(), message["data"])
        elif message["type"] == "subscribe":
            self._opened(message["channel"].decode())

    async def _follow_wishes(self, subscription: PubSub, known: set[str]) -> None:
        """Subscribe to what is newly wanted, leave what nobody wants any more."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            wanted = set(self._wanted)
            await _in_parts(subscription.subscribe, wanted - known)
            await _in_parts(subscription.unsubscribe, known - wanted)
            known.clear()
            known.update(wanted)


async def _in_parts(command: Any, channels: set[str]) -> None:
    for some in batched(sorted(channels), AT_ONCE):
        await command(*some)
