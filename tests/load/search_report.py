"""What the search benchmark found: rows, verdicts on them, and how they are shown. Pure."""

from collections.abc import Iterator, Sequence

import msgspec

from tests.load.follow_report import STRAIGHT_EXTRA_MS, STRAIGHT_FACTOR, Row, Verdict
from tests.load.generator import Latency

# How long a change that was committed may be unknown to a search.
FOUND_P95_S = 2.0


class Indexing(msgspec.Struct, frozen=True):
    """Products that were imported, and how long it took from the first until the last one was found."""

    products: int
    imported_s: float
    found_s: float

    @property
    def per_second(self) -> float:
        return self.products / self.found_s


class Freshness(msgspec.Struct, frozen=True):
    """From the answer to a change until a search found it: milliseconds. lost: never found in the time given."""

    changes: int
    found: Latency
    lost: int = 0


def verdicts(rows: Sequence[Row], freshness: Freshness) -> list[Verdict]:
    """On each promise. A question that was put to Elasticsearch by nobody is no promise."""
    return [*_on_overhead(rows), *_on_answers(rows), _on_freshness(freshness)]


def _on_overhead(rows: Sequence[Row]) -> Iterator[Verdict]:
    for row in rows:
        if row.straight:
            most = STRAIGHT_FACTOR * row.straight.p50 + STRAIGHT_EXTRA_MS
            promise = f"{row.question} within {STRAIGHT_FACTOR} of Elasticsearch and {STRAIGHT_EXTRA_MS:.0f} ms, p50"
            yield Verdict(promise, f"{row.ours.p50:.1f} ms beside {row.straight.p50:.1f} ms", row.ours.p50 <= most)


def _on_answers(rows: Sequence[Row]) -> Iterator[Verdict]:
    for row in rows:
        if row.clients > 1:
            yield Verdict(f"{row.question} by {row.clients} clients, each with a good answer", f"{row.bad} without", not row.bad)


def _on_freshness(freshness: Freshness) -> Verdict:
    figures = f"{freshness.found.p95 / 1000:.2f} s, {freshness.lost} of {freshness.changes} never"
    return Verdict(
        f"a change found within {FOUND_P95_S:.0f} s, p95", figures, freshness.found.p95 < 1000 * FOUND_P95_S and not freshness.lost
    )


def report(rows: Sequence[Row], indexing: Indexing, freshness: Freshness, found: Sequence[Verdict]) -> str:
    head = f"{'question':14} {'clients':>7} {'a second':>9} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8}"
    lines = [f"{head} | Elasticsearch {'p50':>7} {'p95':>8} {'p99':>8}"]
    for row in rows:
        rate = "" if row.per_second is None else f"{row.per_second:,.0f}"
        straight = f"             {_times(row.straight)}" if row.straight else ""
        lines.append(f"{row.question:14} {row.clients:7} {rate:>9} {_times(row.ours)} |{straight}")
    lines += [
        "",
        f"{indexing.products:,} products imported in {indexing.imported_s:.1f} s and all found after {indexing.found_s:.1f} s: "
        f"{indexing.per_second:,.0f} a second",
        f"{freshness.changes} changes found after {_times(freshness.found).strip()} ms (p50, p95, p99), {freshness.lost} never",
        "",
        *(verdict.line for verdict in found),
    ]
    return "\n".join(lines)


def _times(latency: Latency) -> str:
    return f"{latency.p50:8.1f} {latency.p95:8.1f} {latency.p99:8.1f}"
