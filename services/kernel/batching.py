"""Many callers, one call: requests for the same key that wait at the same time travel together.

The number of batches under way is the bound, so a batch is whatever queued up meanwhile and an idle caller waits for nobody.
Works in threads and, under eventlet's monkey patch, in green threads. Callers are served in the order they came.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from services.contracts.errors import Busy, DeadlineExceeded, Unavailable

K = TypeVar("K", bound=Hashable)
Q = TypeVar("Q")
A = TypeVar("A")


class _Ticket(Generic[Q, A]):
    """One caller's place in the queue. Woken once: to lead the next batch, or with its answer."""

    __slots__ = ("answer", "error", "leads", "request", "woken")

    def __init__(self, request: Q) -> None:
        self.request = request
        self.woken = threading.Lock()
        self.woken.acquire()
        self.leads = False
        self.answer: A | None = None
        self.error: BaseException | None = None


class _Lane(Generic[Q, A]):
    __slots__ = ("flying", "held", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[_Ticket[Q, A]] = deque()
        self.flying = 0
        self.held = 0


class Batcher(Generic[K, Q, A]):
    """Sends batches of requests of one key through `send`, at most `flights` at once a key.

    send: takes a key and its requests in order of arrival; answers one for each, in order. What it raises, each caller of the batch gets.
    capacity: callers that may be inside at once, for one key; the next gets Busy at once.
    """

    def __init__(self, send: Callable[[K, Sequence[Q]], Sequence[A]], *, largest: int, flights: int, capacity: int) -> None:
        self._send = send
        self._largest = largest
        self._flights = flights
        self._capacity = capacity
        self._lock = threading.Lock()
        self._lanes: dict[K, _Lane[Q, A]] = {}

    def submit(self, key: K, request: Q, timeout_s: float) -> A:
        """The answer to this request. Raises Busy, DeadlineExceeded, or what `send` raised."""
        ticket: _Ticket[Q, A] = _Ticket(request)
        lane = self._enter(key, ticket)
        try:
            return self._await(key, lane, ticket, time.monotonic() + timeout_s)
        finally:
            self._leave(key, lane)

    def inside(self, key: K) -> int:
        lane = self._lanes.get(key)
        return lane.held if lane else 0

    def callers(self) -> int:
        """Those inside, of all keys."""
        with self._lock:
            return sum(lane.held for lane in self._lanes.values())

    def _enter(self, key: K, ticket: _Ticket[Q, A]) -> _Lane[Q, A]:
        with self._lock:
            lane = self._lanes.setdefault(key, _Lane())
            if lane.held >= self._capacity:
                raise Busy(retry_after_s=1)
            lane.held += 1
            lane.waiting.append(ticket)
            self._appoint(lane)
            return lane

    def _leave(self, key: K, lane: _Lane[Q, A]) -> None:
        with self._lock:
            lane.held -= 1
            if not lane.held:
                self._lanes.pop(key, None)

    def _await(self, key: K, lane: _Lane[Q, A], ticket: _Ticket[Q, A], deadline: float) -> A:
        if not ticket.woken.acquire(timeout=max(0.0, deadline - time.monotonic())) and not self._late_wake(lane, ticket):
            raise DeadlineExceeded()
        if ticket.leads:
            self._fly(key, lane, ticket)
        if ticket.error is not None:
            raise ticket.error
        return ticket.answer  # type: ignore[return-value]

    def _late_wake(self, lane: _Lane[Q, A], ticket: _Ticket[Q, A]) -> bool:
        """Withdraw a ticket whose time is up, unless it was woken in the very last moment."""
        with self._lock:
            if ticket in lane.waiting:
                lane.waiting.remove(ticket)
                return False
        return ticket.woken.acquire(blocking=False)

    def _appoint(self, lane: _Lane[Q, A]) -> None:
        """Wake the first in the queue to lead the next batch, if one may fly. Called under the lock."""
        if lane.flying < self._flights and lane.waiting:
            lane.flying += 1
            leader = lane.waiting.popleft()
            leader.leads = True
            leader.woken.release()

    def _fly(self, key: K, lane: _Lane[Q, A], leader: _Ticket[Q, A]) -> None:
        with self._lock:
            crew = [leader, *(lane.waiting.popleft() for _ in range(min(len(lane.waiting), self._largest - 1)))]
        try:
            answers = self._send(key, [ticket.request for ticket in crew])
            if len(answers) != len(crew):
                raise Unavailable(f"{len(crew)} requests got {len(answers)} answers.")
            for ticket, answer in zip(crew, answers, strict=True):
                ticket.answer = answer
        except BaseException as error:
            for ticket in crew:
                ticket.error = error
        finally:
            with self._lock:
                lane.flying -= 1
                self._appoint(lane)
            for ticket in crew[1:]:
                ticket.woken.release()
