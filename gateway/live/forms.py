"""How a stream looks on the wire: server-sent events (WHATWG HTML, section 9.2), plain or of GraphQL (the graphql-sse protocol)."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

import msgspec

from gateway.live.connection import Batch, Ending
from gateway.live.news import News, event
from services.contracts.errors import Unauthenticated

# A line that is a comment, so that nobody on the way takes the connection for dead.
BEAT = b":\n\n"
# When a client comes back whose stream has ended: not all in the same moment.
SOONEST_RETRY_MS, LATEST_RETRY_MS = 500, 3_000
# What different crowds are told at one time; each some hundred bytes.
ONCE_FOR_ALL = 256


class Form(Protocol):
    """The bytes of one client's stream."""

    def begin(self) -> bytes:
        """The first ones, before anything is known."""

    def latest(self, told: tuple[News, ...]) -> bytes:
        """Stocks and states, and nothing else."""

    def batch(self, batch: Batch) -> bytes: ...


def retry() -> bytes:
    return b"retry: %d\n\n" % random.randint(SOONEST_RETRY_MS, LATEST_RETRY_MS)


class PlainForm:
    """For an EventSource."""

    def begin(self) -> bytes:
        return retry()

    def latest(self, told: tuple[News, ...]) -> bytes:
        return _plain(told)

    def batch(self, batch: Batch) -> bytes:
        parts = [_hello(batch.hello.position)] if batch.hello else []
        parts += [event(told.name, told.json, position) for told, position in batch.letters]
        if batch.latest:
            parts.append(_plain(tuple(batch.latest)))
        return _whole(parts, batch, lambda: event("expired", b"{}"))


class GraphQLForm:
    """Distinct connections mode: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md . render: the execution's result of a news."""

    def __init__(self, render: Callable[[News, str], bytes]) -> None:
        self._render = render

    def begin(self) -> bytes:
        return BEAT

    def latest(self, told: tuple[News, ...]) -> bytes:
        return b"".join([event("next", self._render(one, "")) for one in told])

    def batch(self, batch: Batch) -> bytes:
        parts = [event("next", self._render(told, position)) for told, position in batch.letters]
        if batch.latest:
            parts.append(self.latest(tuple(batch.latest)))
        return _whole(parts, batch, _expired)


@lru_cache(maxsize=ONCE_FOR_ALL)
def _plain(told: tuple[News, ...]) -> bytes:
    """Made once, however many of a crowd are told the same together."""
    return b"".join([one.event for one in told])


def _hello(position: str | None) -> bytes:
    """With the position as its id, who is cut off before the first notification goes on from here, too."""
    return event("hello", msgspec.json.encode({"now": datetime.now(UTC), "position": position}), position)


def _expired() -> bytes:
    error = Unauthenticated("The sign-in has expired. Refresh it.")
    result = {"errors": [{"message": error.message, "extensions": {"code": error.code}}]}
    return event("next", msgspec.json.encode(result)) + event("complete", b"")


def _whole(parts: list[bytes], batch: Batch, expired: Callable[[], bytes]) -> bytes:
    if batch.ending is Ending.EXPIRED:
        parts.append(expired())
    elif batch.ending is not None:
        parts.append(retry())
    elif not parts:
        parts.append(BEAT)
    return b"".join(parts)
