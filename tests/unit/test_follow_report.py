"""The verdicts of the follow benchmark: the figures decide, and each promise can fail."""

import pytest

from tests.load.follow_report import ANYONES_PAGE, DEEP_PAGE, FIRST_PAGE, Burst, Row, latency_of, verdicts
from tests.load.generator import ClassReport, Latency


def latency(p50: float, p95: float | None = None) -> Latency:
    return Latency(p50=p50, p95=p95 or p50, p99=p50, max=p50, mean=p50)


def alone(question: str, ours: float, straight: float = 1.0) -> Row:
    return Row(question, 1, writes=False, ours=latency(ours), straight=latency(straight))


def crowd(p95: float = 50.0, bad: int = 0) -> Row:
    return Row(FIRST_PAGE, 50, writes=False, ours=latency(20, p95), per_second=1000, bad=bad)


def burst(per_second: float, lag_s: float = 0.1) -> Burst:
    return Burst("onto one", 1, ClassReport(10, per_second, per_second, 0.0, 1.0, latency(1)), lag_s)


def failed(rows: list[Row], bursts: list[Burst]) -> list[str]:
    return [verdict.promise for verdict in verdicts(rows, bursts) if not verdict.kept]


PAGES = [alone(FIRST_PAGE, 8), alone(DEEP_PAGE, 9), alone(ANYONES_PAGE, 7)]
BURSTS = [burst(900), burst(1000)]


def test_a_good_run_keeps_every_promise() -> None:
    assert failed([*PAGES, crowd()], BURSTS) == []


@pytest.mark.parametrize(
    ("rows", "bursts", "promise"),
    [
        ([alone(FIRST_PAGE, 2), alone(DEEP_PAGE, 4), alone(ANYONES_PAGE, 2), crowd()], BURSTS, "a deep page"),
        ([alone(FIRST_PAGE, 9), alone(DEEP_PAGE, 9), alone(ANYONES_PAGE, 4), crowd()], BURSTS, "a celebrity's page"),
        ([*PAGES, alone("follow", 17, straight=4), crowd()], BURSTS, "follow within"),
        ([*PAGES, crowd(p95=201)], BURSTS, "first page by 50"),
        ([*PAGES, crowd(bad=1)], BURSTS, "first page by 50"),
        ([*PAGES, crowd()], [burst(600), burst(1000)], "follows of one creator"),
        ([*PAGES, crowd()], [burst(900, lag_s=2.5), burst(1000)], "counts onto one"),
    ],
)
def test_each_promise_can_be_broken(rows: list[Row], bursts: list[Burst], promise: str) -> None:
    broken = failed(rows, bursts)
    assert broken
    assert all(each.startswith(promise) for each in broken)


def test_percentiles_are_those_of_the_nearest_rank() -> None:
    seen = latency_of([number / 1000 for number in range(1, 101)])
    assert (seen.p50, seen.p95, seen.p99, seen.max) == pytest.approx((50, 95, 99, 100))
    assert latency_of([0.005]).p99 == pytest.approx(5)
