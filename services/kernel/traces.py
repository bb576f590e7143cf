"""The place of a piece of work in a trace, as W3C Trace Context writes it: https://www.w3.org/TR/trace-context/"""

import random
import re

import msgspec

HEADER = "traceparent"
# version 00; a later one may add to its end, so a text is read from its beginning.
_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
# Longer texts are nobody's place in a trace.
MAX_LENGTH = 256
_SAMPLED = 0x01


class Trace(msgspec.Struct, frozen=True):
    """Which trace, which span in it, and whether it is recorded: that is decided once, where the trace begins."""

    trace_id: str
    span_id: str
    sampled: bool = False

    def text(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def read(text: object) -> Trace | None:
    """The place that a header or an event names; None where it names none."""
    if not isinstance(text, str) or len(text) > MAX_LENGTH or (found := _FORM.fullmatch(text.strip())) is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return Trace(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def unrecorded() -> Trace:
    """A trace that begins here and is not recorded: it has a name all the same, which logs tell."""
    # Not a secret, and never nothing: the system's random source would cost more than the rest.
    return Trace(f"{random.getrandbits(128) | 1:032x}", f"{random.getrandbits(64) | 1:016x}")
