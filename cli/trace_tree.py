"""A trace as a tree of text, with times. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from cli.trace_store import SpanRecord

# Shown beside a span's name, where it has them; the rest is for --verbose.
_TELLING = (
    "http.response.status_code",
    "error.type",
    "graphql.operation.name",
    "livedrops.graphql.fields",
    "livedrops.batch.size",
    "messaging.batch.message_count",
    "livedrops.event.types",
)
_INDENT = "  "


def summary(spans: Sequence[SpanRecord]) -> str:
    """One line of a trace: when, how long, how much, and what it began with."""
    first = min(spans, key=lambda span: span.begin_ns)
    length_ms = (max(span.end_ns for span in spans) - first.begin_ns) / 1e6
    failed = sum(span.failed for span in spans)
    services = len({span.service for span in spans})
    faults = f", {failed} failed" if failed else ""
    return f"{_clock(first.begin_ns)}  {length_ms:>9.1f} ms  {len(spans):>3} spans of {services:>2} services{faults}  {first.service}: {first.name}"


def tree(spans: Sequence[SpanRecord], verbose: bool = False) -> Iterator[str]:
    """Lines: milliseconds from the begin, how long, whose, and what, each below what asked for it."""
    begin = min(span.begin_ns for span in spans)
    width = max(len(span.service) for span in spans)
    yield f"{'from ms':>9} {'ms':>9}  {'service':<{width}}  span"
    for span, depth in _in_order(spans):
        yield _line(span, depth, begin, width)
        lead = " " * (9 + 1 + 9 + 2 + width + 2) + _INDENT * (depth + 1)
        for other in dict.fromkeys(link for link in span.links if link != span.trace_id):
            yield f"{lead}with trace {other}"
        if verbose:
            yield from (f"{lead}{name} = {value}" for name, value in span.attributes.items())
            yield from (
                f"{lead}+{(it.at_ns - span.begin_ns) / 1e6:.1f} ms {' '.join([it.name, *map(str, it.attributes.values())])}"
                for it in span.happenings
            )


def _line(span: SpanRecord, depth: int, begin: int, width: int) -> str:
    told = [f"{_shown(span.attributes[name])}" for name in _TELLING if name in span.attributes]
    details = f"  ({', '.join(told)})" if told else ""
    mark = "  FAILED" if span.failed else ""
    times = f"{(span.begin_ns - begin) / 1e6:>9.1f} {(span.end_ns - span.begin_ns) / 1e6:>9.1f}"
    return f"{times}  {span.service:<{width}}  {_INDENT * depth}{span.name}{details}{mark}"


def _in_order(spans: Sequence[SpanRecord]) -> Iterator[tuple[SpanRecord, int]]:
    """Each span behind its parent, those of one parent by when they began; one whose parent is not here stands at the top."""
    known = {span.span_id for span in spans}
    below: dict[str, list[SpanRecord]] = {}
    for span in sorted(spans, key=lambda span: (span.begin_ns, span.span_id)):
        below.setdefault(span.parent_id if span.parent_id in known and span.parent_id != span.span_id else "", []).append(span)
    left = [(span, 0) for span in reversed(below.pop("", []))]
    while left:
        span, depth = left.pop()
        yield span, depth
        left.extend((child, depth + 1) for child in reversed(below.pop(span.span_id, [])))
    # A ring of parents, which only a broken sender makes, is shown flat.
    yield from ((span, 0) for ring in below.values() for span in ring)


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _clock(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
