"""Monitoring beside the test stack, at a pace at which an alarm comes in seconds, and what it says."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from monitoring.pace import PACE
from stack.api import Stack
from stack.errors import SetupError, StackError
from stack.monitoring import RECEIVER, Monitoring
from stack.monitors import ALERTMANAGER, PROMETHEUS
from tests.integration.receiving import Receiver, receiver

# Five minutes are twenty seconds: one look of Prometheus a second.
TEST_PACE = "0.0667"
TIMEOUT_S = 10


@dataclass(frozen=True)
class Watched:
    """What Prometheus knows, and what Alertmanager told."""

    prometheus: str
    alertmanager: str
    told: Receiver

    def value(self, expression: str) -> float | None:
        """Of the first series; None where there is none."""
        found = self._ask("query", query=expression)["result"]
        return float(found[0]["value"][1]) if found else None

    def names(self) -> set[str]:
        """Of all metrics."""
        return set(self._ask("label/__name__/values"))

    def targets(self) -> dict[str, str]:
        """Of each job, whether it was asked with success."""
        return {one["labels"]["job"]: one["health"] for one in self._ask("targets")["activeTargets"]}

    def firing(self, name: str) -> list[dict[str, str]]:
        """The labels of each alert of this name that fires now."""
        alerts = self._ask("alerts")["alerts"]
        return [one["labels"] for one in alerts if one["labels"]["alertname"] == name and one["state"] == "firing"]

    def all_firing(self) -> set[str]:
        """The names of all that fires now."""
        return {one["labels"]["alertname"] for one in self._ask("alerts")["alerts"] if one["state"] == "firing"}

    def notices(self, name: str, **labels: str) -> list[dict[str, Any]]:
        """What was told of an alert with these labels, in the order it came."""
        alerts = [alert for one in self.told.received for alert in one.json["alerts"]]
        return [alert for alert in alerts if {"alertname": name, **labels}.items() <= alert["labels"].items()]

    def _ask(self, path: str, **parameters: str) -> Any:
        answer = requests.get(f"{self.prometheus}/api/v1/{path}", parameters, timeout=TIMEOUT_S).json()
        assert answer["status"] == "success", answer
        return answer["data"]


@contextmanager
def watched(stack: Stack, pace: str = TEST_PACE) -> Iterator[Watched]:
    """For the block. Skips the test where monitoring can't be had, but never in CI."""
    with receiver() as told:
        monitoring = Monitoring(stack.instance, stack.units, {**os.environ, PACE: pace, RECEIVER: f"{told.url}/alerts"})
        try:
            _forget(stack, monitoring)
            monitoring.up()
        except SetupError as error:
            _do_without(error)
        try:
            yield Watched(monitoring.address(PROMETHEUS), monitoring.address(ALERTMANAGER), told)
        finally:
            monitoring.down()


def _forget(stack: Stack, monitoring: Monitoring) -> None:
    """What an earlier session of tests did is no past to compare with."""
    monitoring.down()
    shutil.rmtree(stack.instance.data / PROMETHEUS, ignore_errors=True)


def _do_without(error: StackError) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"no monitoring here: {error}")
    pytest.skip(f"no monitoring here: {error}")
