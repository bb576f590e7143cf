"""By what units grow and shrink, where there is a Prometheus: names of metrics as monitoring/ has them.

Leaders under a lease, and stores, are not here: more of them would only wait.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stack.nomad.text import TEMPLATES, fill


@dataclass(frozen=True)
class Check:
    """query: PromQL. target: what the query is to be, more processes making it less; None where it gives the wanted count itself."""

    query: str
    target: float | None = None


@dataclass(frozen=True)
class Scaling:
    """Of several checks the one that wants most counts."""

    least: int
    most: int
    checks: Mapping[str, Check]


def _crowd(people: int) -> Check:
    """One for so many who are expected: the drop clock tells them from some minutes before a start to some minutes after it."""
    return Check(f"ceil(max(livedrops_crowd) / {people})")


SCALED: Mapping[str, Scaling] = {
    # One answers some 900 a second on a core of its own; at two thirds of that there is room for the crowd of the next minute. Of those who follow, a
    # fiftieth comes in the first minute, with some twenty requests each.
    "gateway": Scaling(2, 8, {"load": Check("ceil(sum(rate(livedrops_http_request_seconds_count[1m])) / 600)"), "crowd": _crowd(100_000)}),
    # It refuses past 8,000 streams; of those who follow, a twentieth has one.
    "live": Scaling(1, 8, {"load": Check("ceil(sum(livedrops_live_connections) / 5000)"), "crowd": _crowd(100_000)}),
    # A batch that waits for others of its drop is no reason: hot drops are one writer each. Past this, processes are short of time.
    "orders": Scaling(
        1,
        4,
        {
            "load": Check(
                "histogram_quantile(0.95, sum(rate(livedrops_rpc_server_seconds_bucket{service='orders',method='place_many'}[1m])) by (le))",
                0.2,
            ),
            "crowd": _crowd(400_000),
        },
    ),
    # Who is away may wait a minute.
    "notifications-push": Scaling(
        1, 6, {"age": Check("histogram_quantile(0.9, sum(rate(livedrops_push_delay_seconds_bucket[2m])) by (le))", 60)}
    ),
}


def scaling_block(name: str) -> str:
    """Of a unit's group; empty for what does not grow by itself."""
    scaling = SCALED.get(name)
    if scaling is None:
        return ""
    checks = "\n".join(_check(which, check) for which, check in scaling.checks.items())
    return fill(TEMPLATES / "scaling.hcl.tmpl", least=scaling.least, most=scaling.most, checks=checks)


def _check(name: str, check: Check) -> str:
    return fill(
        TEMPLATES / "scaling_check.hcl.tmpl",
        name=name,
        query=check.query,
        strategy="pass-through" if check.target is None else "target-value",
        target="" if check.target is None else f"\n            target = {check.target}\n          ",
    )
