"""What the exporter tells of sources that answer, fail and hang."""

from collections.abc import Iterator

import pytest
from prometheus_client.core import GaugeMetricFamily, Metric

from cli.exporter.sources import Source
from cli.exporter.watching import LEAST_PATIENCE_S, Watch


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def gauge(value: float) -> Source:
    def collect() -> Iterator[Metric]:
        yield GaugeMetricFamily("a_value", "A value.", value)

    return collect


def broken() -> Iterator[Metric]:
    raise ConnectionError("away")


def told(watch: Watch) -> dict[str, float]:
    """Values by metric, or by source where it is about one."""
    return {sample.labels.get("source", sample.name): sample.value for metric in watch.collect() for sample in metric.samples}


def test_a_source_that_was_never_asked_is_away() -> None:
    assert told(Watch({"store": gauge(7)}, 1)) == {"store": 0}


def test_what_a_source_said_last_is_told() -> None:
    watch = Watch({"store": gauge(7)}, 1)
    watch.look("store")

    assert told(watch) == {"a_value": 7, "store": 1}


def test_a_source_that_fails_is_away_and_hides_no_other() -> None:
    watch = Watch({"store": gauge(7), "broker": broken}, 1)
    watch.look("store")
    watch.look("broker")

    assert told(watch) == {"a_value": 7, "store": 1, "broker": 0}


def test_what_was_said_before_a_failure_is_told_no_more() -> None:
    answers = iter([gauge(7), broken])
    watch = Watch({"store": lambda: next(answers)()}, 1)
    watch.look("store")
    watch.look("store")

    assert told(watch) == {"store": 0}


@pytest.mark.parametrize(("age_s", "is_told"), [(LEAST_PATIENCE_S, True), (LEAST_PATIENCE_S + 1, False)])
def test_a_source_that_hangs_is_away_once_its_word_is_old(age_s: float, is_told: bool) -> None:
    clock = Clock()
    watch = Watch({"store": gauge(7)}, 1, clock)
    watch.look("store")
    clock.now += age_s

    assert ("a_value" in told(watch)) is is_told
