"""Spans of work that is recorded: who asked whom, and how long each took.

A trace begins at a door of ours (HTTP, an RPC of somebody without one, an event without one), and is recorded or not by chance
(LIVEDROPS_TRACE_SAMPLE), or as who asks has decided. The decision travels with it, and what is not recorded makes no spans. Without
LIVEDROPS_OTLP_URL nothing of all this happens, and OpenTelemetry is not even loaded.

The place in the trace is in the current call (`services.kernel.calls`): so it goes wherever the correlation id goes. Names and attributes are
OpenTelemetry's conventions: https://opentelemetry.io/docs/specs/semconv/
"""

import random
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

import msgspec

from services.contracts.errors import LiveDropsError
from services.kernel import calls, problems, traces
from services.kernel.config import Settings
from services.kernel.traces import Trace

Value = str | int | float | bool | Sequence[str]
Attributes = Mapping[str, Value]
Kind = Literal["server", "client", "internal", "producer", "consumer"]
# Anybody may send a traceparent that asks to be recorded; past so many a second in one process, chance decides.
MOST_ASKED_PER_S = 20
# A batch serves hundreds; a span that names them all would be no reading.
MOST_LINKS = 32


class Span(Protocol):
    """One piece of work that is recorded. `end` once; what comes after is lost."""

    @property
    def trace(self) -> Trace:
        """Its place, under which the work's own parts are."""

    def note(self, name: str, value: Value) -> None:
        """An attribute."""

    def happened(self, name: str, attributes: Attributes) -> None:
        """Something at this moment within it."""

    def link(self, other: Trace) -> None:
        """It has to do with another span, which is not above it."""

    def failed(self, kind: str, is_fault: bool) -> None:
        """It did not bring what it was for. is_fault: by a fault of ours, not by what was asked."""

    def end(self, at_ns: int | None = None) -> None: ...


class Recorder(Protocol):
    """Makes spans and sends them on, in the background."""

    sample: float

    def start(
        self, name: str, kind: Kind, parent: Trace | None, attributes: Attributes, links: Sequence[Trace], at_ns: int | None
    ) -> Span: ...

    def stop(self) -> None: ...


_recorder: Recorder | None = None
_asked: deque[float] = deque(maxlen=MOST_ASKED_PER_S)
_asking = threading.Lock()
_nothing: AbstractContextManager[None] = nullcontext()


def configure(settings: Settings) -> None:
    """Record from now on, where the settings say where to; or no more, where they don't."""
    global _recorder
    _recorder = None
    if settings.otlp_url is not None:
        # Half a second of imports, for who wants it.
        from services.kernel.otlp import OtlpRecorder

        _recorder = OtlpRecorder(settings.otlp_url, settings.unit, settings.env, settings.trace_sample)


def stop() -> None:
    """Send what waits, as far as that is quick."""
    if _recorder is not None:
        _recorder.stop()


def is_on() -> bool:
    return _recorder is not None


def enter(
    name: str, kind: Kind, above: Trace | None, attributes: Attributes, links: Sequence[Trace] = (), is_public: bool = False
) -> tuple[Span | None, Trace | None]:
    """Work that comes from elsewhere: its span, where it is recorded, and its place in a trace.

    above: where it comes from, if it says so. is_public: from somebody who is not of the mesh.
    """
    if _recorder is None:
        return None, None
    by_chance = above is None or (is_public and above.sampled and not _may_ask())
    sampled = random.random() < _recorder.sample if by_chance else above is not None and above.sampled
    if not sampled:
        return None, msgspec.structs.replace(above, sampled=False) if above else traces.unrecorded()
    span = _recorder.start(name, kind, above, attributes, links, None)
    return span, span.trace


def enter_batch(name: str, kind: Kind, placed: Iterable[str | None], attributes: Attributes) -> tuple[Span | None, Trace | None]:
    """The same of work for many, each of which may name its own place: under the first that is recorded, linked to the others."""
    if _recorder is None:
        return None, None
    above, links = united([traces.read(text) for text in placed])
    return enter(name, kind, above, attributes, links)


def open_span(
    name: str,
    kind: Kind,
    attributes: Attributes,
    above: Trace | None = None,
    links: Sequence[Trace] = (),
    at_ns: int | None = None,
) -> Span | None:
    """A part of the work that is recorded here, or under `above`; None where it is not. For what does not end where it begins."""
    if _recorder is None:
        return None
    above = above or calls.current_trace()
    if above is None or not above.sampled:
        return None
    return _recorder.start(name, kind, above, attributes, links, at_ns)


def part(
    name: str, kind: Kind, attributes: Attributes, above: Trace | None = None, links: Sequence[Trace] = ()
) -> "AbstractContextManager[Span | None]":
    """The block as a part of the call under way here, or of `above`; what the block calls is below it."""
    if _recorder is None:
        return _nothing
    span = open_span(name, kind, attributes, above, links)
    return _Part(span) if span is not None else _nothing


def tell_past(name: str, kind: Kind, attributes: Attributes, took_s: float, failure: str | None = None) -> None:
    """A part of the call under way here that has just ended. failure: its kind, where it failed."""
    if _recorder is None or not is_recorded():
        return
    now = time.time_ns()
    span = open_span(name, kind, attributes, at_ns=now - int(took_s * 1e9))
    if span is not None:
        if failure:
            span.failed(failure, is_fault=True)
        span.end(now)


def is_recorded() -> bool:
    """Whether the call under way here is."""
    trace = calls.current_trace()
    return _recorder is not None and trace is not None and trace.sampled


def fail(span: Span, error: BaseException) -> None:
    """What was raised, told by its code. A refusal is an answer; only what a client can't help is a fault."""
    if isinstance(error, LiveDropsError):
        span.failed(error.code, is_fault=problems.status_of(error) >= 500)
    else:
        span.failed(type(error).__qualname__, is_fault=True)


def finish(span: Span | None, error: BaseException | None) -> None:
    """Work is done, or has failed."""
    if span is not None:
        if error is not None:
            fail(span, error)
        span.end()


def answered(span: Span | None, status: int) -> None:
    """An HTTP request is answered, and its span ends."""
    if span is not None:
        span.note("http.response.status_code", status)
        if status >= 500:
            span.failed(str(status), is_fault=True)
        span.end()


def united(places: Sequence[Trace | None]) -> tuple[Trace | None, list[Trace]]:
    """One piece of work for many: under the first of them that is recorded, and linked to the others."""
    recorded = list(dict.fromkeys(place for place in places if place is not None and place.sampled))
    if recorded:
        return recorded[0], recorded[1 : 1 + MOST_LINKS]
    return next((place for place in places if place is not None), None), []


class _Part(AbstractContextManager["Span | None"]):
    def __init__(self, span: Span) -> None:
        self._span = span
        self._leave = calls.set_current(msgspec.structs.replace(calls.current(), trace=span.trace))

    def __enter__(self) -> Span:
        return self._span

    def __exit__(self, _kind: object, error: BaseException | None, _stack: object) -> None:
        self._leave()
        finish(self._span, error)


def _may_ask() -> bool:
    """Whether one more may be recorded because it asks for it: a window that slides over the last ones."""
    now = time.monotonic()
    with _asking:
        if len(_asked) == MOST_ASKED_PER_S and now - _asked[0] < 1.0:
            return False
        _asked.append(now)
        return True
