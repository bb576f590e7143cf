"""What the follow benchmark found: rows, verdicts on them, and how they are shown. Pure."""

from collections.abc import Iterator, Sequence

import msgspec

from tests.load.generator import ClassReport, Latency

FIRST_PAGE, DEEP_PAGE, ANYONES_PAGE = "first page", "deep page", "anyone's page"
# What is promised, with the room that a shared machine needs.
DEEP_FACTOR = 1.5
CELEBRITY_FACTOR = 2.0
STRAIGHT_FACTOR, STRAIGHT_EXTRA_MS = 1.5, 10.0
ONE_OF_MANY = 0.7
LAG_S = 2.0
READ_P95_MS = 200.0


class Row(msgspec.Struct, frozen=True):
    """One question by so many clients. straight: the same put to MongoDB in the same moments. bad: attempts without a good answer."""

    question: str
    clients: int
    writes: bool
    ours: Latency
    straight: Latency | None = None
    per_second: float | None = None
    bad: int = 0


class Burst(msgspec.Struct, frozen=True):
    """Many people followed at once. lag_s: from the last answer until the counts showed all of them."""

    name: str
    creators: int
    followed: ClassReport
    lag_s: float


class Verdict(msgspec.Struct, frozen=True):
    """A promise, the figures, and whether they keep it."""

    promise: str
    figures: str
    kept: bool

    @property
    def line(self) -> str:
        return f"{'pass' if self.kept else 'FAIL'}  {self.promise}: {self.figures}"


def latency_of(times_s: Sequence[float]) -> Latency:
    """Percentiles by the nearest rank."""
    ordered = sorted(1000 * each for each in times_s)
    p50, p95, p99 = (ordered[max(0, -(-share * len(ordered) // 100) - 1)] for share in (50, 95, 99))
    return Latency(p50=p50, p95=p95, p99=p99, max=ordered[-1], mean=sum(ordered) / len(ordered))


def verdicts(rows: Sequence[Row], bursts: Sequence[Burst]) -> list[Verdict]:
    """On each promise."""
    return [*_on_pages(rows), *_on_overhead(rows), *_on_bursts(bursts), *_on_crowds(rows)]


def _on_pages(rows: Sequence[Row]) -> Iterator[Verdict]:
    alone = {row.question: row.ours for row in rows if row.clients == 1}
    first, deep, anyones = alone[FIRST_PAGE], alone[DEEP_PAGE], alone[ANYONES_PAGE]
    for name, of_deep, of_first in (("p50", deep.p50, first.p50), ("p95", deep.p95, first.p95)):
        yield _within(f"a deep page within {DEEP_FACTOR} of the first, {name}", of_deep, DEEP_FACTOR * of_first, f"{of_first:.1f}")
    promise = f"a celebrity's page within {CELEBRITY_FACTOR} of anyone's, p50"
    yield _within(promise, first.p50, CELEBRITY_FACTOR * anyones.p50, f"{anyones.p50:.1f}")


def _on_overhead(rows: Sequence[Row]) -> Iterator[Verdict]:
    for row in rows:
        if row.straight:
            most = STRAIGHT_FACTOR * row.straight.p50 + STRAIGHT_EXTRA_MS
            promise = f"{row.question} within {STRAIGHT_FACTOR} of MongoDB and {STRAIGHT_EXTRA_MS:.0f} ms, p50"
            yield _within(promise, row.ours.p50, most, f"{row.straight.p50:.1f}")


def _on_bursts(bursts: Sequence[Burst]) -> Iterator[Verdict]:
    one, many = (burst.followed.per_second_active for burst in bursts)
    figures = f"{one:,.0f} and {many:,.0f} a second, {one / many:.2f}"
    yield Verdict(f"follows of one creator at least {ONE_OF_MANY} of those of many", figures, one >= ONE_OF_MANY * many)
    for burst in bursts:
        yield Verdict(f"counts {burst.name} less than {LAG_S:.0f} s behind", f"{burst.lag_s:.2f} s", burst.lag_s < LAG_S)


def _on_crowds(rows: Sequence[Row]) -> Iterator[Verdict]:
    for row in rows:
        if row.clients > 1 and not row.writes:
            kept = row.ours.p95 <= READ_P95_MS and not row.bad
            figures = f"{row.ours.p95:.1f} ms, {row.bad} without a good answer"
            yield Verdict(f"{row.question} by {row.clients} clients, p95 at most {READ_P95_MS:.0f} ms", figures, kept)


def _within(promise: str, ours: float, most: float, other: str) -> Verdict:
    return Verdict(promise, f"{ours:.1f} ms beside {other} ms", ours <= most)


def print_report(rows: Sequence[Row], bursts: Sequence[Burst], found: Sequence[Verdict], problems: Sequence[str]) -> None:
    print(
        f"\n{'question':14} {'clients':>7} {'a second':>9} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} | MongoDB {'p50':>7} {'p95':>8} {'p99':>8}"
    )
    for row in rows:
        rate = "" if row.per_second is None else f"{row.per_second:,.0f}"
        straight = f"        {_times(row.straight)}" if row.straight else ""
        print(f"{row.question:14} {row.clients:7} {rate:>9} {_times(row.ours)} |{straight}")
    print(f"\n{'follows':14} {'creators':>8} {'count':>9} {'a second':>9} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'lag s':>8}")
    for burst in bursts:
        seen = burst.followed
        print(
            f"{burst.name:14} {burst.creators:8,} {seen.count:9,} {seen.per_second_active:9,.0f} {_times(seen.latency_ms)} {burst.lag_s:8.2f}"
        )
    print("", *(verdict.line for verdict in found), sep="\n")
    for problem in problems:
        print(f"WRONG: {problem}")


def _times(latency: Latency) -> str:
    return f"{latency.p50:8.1f} {latency.p95:8.1f} {latency.p99:8.1f}"
