"""Who is asking, under which correlation id, and how long the answer may take: the context of one call."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from services.contracts.errors import DeadlineExceeded, Forbidden
from services.contracts.users import Role
from services.kernel.traces import Trace

# A call without a deadline of its own gets this much.
DEFAULT_TIMEOUT_S = 5.0
# Nobody waits longer than this for an answer; a larger wish is cut to it.
MAX_TIMEOUT_S = 60.0


class Viewer(msgspec.Struct, frozen=True):
    """The signed-in person on whose behalf a call is made. Believed only from the gateway."""

    id: str
    roles: tuple[Role, ...] = ()

    def is_operator(self) -> bool:
        return Role.OPERATOR in self.roles


class Call(msgspec.Struct, frozen=True):
    """One call. `caller` is the broker user that sent it, or None where the sender did not say.

    The broker checks the name (a message's user-id must be its connection's user), and its topic
    permissions decide which calls a user may make at all.
    """

    correlation_id: str
    deadline: float  # on time.monotonic(): wall clocks of two machines may differ by an hour
    caller: str | None = None
    viewer: Viewer | None = None
    trace: Trace | None = None

    def remaining_s(self) -> float:
        return self.deadline - time.monotonic()

    def require_time(self) -> None:
        """Raise DeadlineExceeded where nobody waits any more: work begun now would be wasted."""
        if self.remaining_s() <= 0:
            raise DeadlineExceeded()

    def require_person(self, user_id: str) -> None:
        """Raise Forbidden unless the call is a service's or team's own, that person's, or an operator's."""
        if self.viewer and self.viewer.id != user_id and not self.viewer.is_operator():
            raise Forbidden()

    def require_operator(self) -> None:
        """Raise Forbidden for a person who is not an operator. Services and teams are held by the broker's permissions."""
        if self.viewer and not self.viewer.is_operator():
            raise Forbidden()

    def actor(self) -> str:
        """Who does this, for an audit log."""
        if self.viewer:
            return f"user:{self.viewer.id}"
        return f"peer:{self.caller or 'unnamed'}"


_current: ContextVar[Call | None] = ContextVar("livedrops_call", default=None)


def new_correlation_id() -> str:
    # Not a secret. The system's random source would let go of the interpreter's lock, and 50 threads would take turns.
    return f"{random.getrandbits(128):032x}"


def begin(
    timeout_s: float = DEFAULT_TIMEOUT_S,
    correlation_id: str | None = None,
    caller: str | None = None,
    viewer: Viewer | None = None,
    trace: Trace | None = None,
) -> Call:
    """A call that starts now and has timeout_s seconds. trace: that of the call under way here, where none is given."""
    deadline = time.monotonic() + min(timeout_s, MAX_TIMEOUT_S)
    return Call(correlation_id or new_correlation_id(), deadline, caller, viewer, trace or current_trace())


def current() -> Call:
    """The call under way here; a fresh one without a caller where there is none (start-up, a timer)."""
    return _current.get() or begin()


def correlation_id() -> str | None:
    call = _current.get()
    return call.correlation_id if call else None


def current_trace() -> Trace | None:
    call = _current.get()
    return call.trace if call else None


def traceparent() -> str | None:
    """The place of the call under way here in a trace, as it travels."""
    trace = current_trace()
    return trace.text() if trace else None


def set_current(call: Call) -> Callable[[], None]:
    """Make this the call under way for the rest of this thread or green thread. Returns what undoes it."""
    token = _current.set(call)
    return lambda: _current.reset(token)


@contextmanager
def under(call: Call) -> Iterator[Call]:
    """Make this the call under way for the block."""
    token = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(token)
