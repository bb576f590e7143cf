"""By what units grow and shrink, where there is a Prometheus: names of metrics as monitoring/ has them.

Leaders under a lease, and stores, are not here: more of them would only wait.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stack.nomad.text import TEMPLATES, fill


@dataclass(frozen=True)
class Scaling:
    """query: PromQL. target: what the query is to be, more processes making it less; None where it gives the wanted count itself."""

    least: int
    most: int
    query: str
    target: float | None = None


SCALED: Mapping[str, Scaling] = {
    # One answers some 900 a second on a core of its own; at two thirds of that there is room for the crowd of the next minute.
    "gateway": Scaling(2, 8, "ceil(sum(rate(livedrops_http_request_seconds_count[1m])) / 600)"),
    # It refuses past 8,000 streams.
    "live": Scaling(1, 8, "ceil(sum(livedrops_live_connections) / 5000)"),
    # A batch that waits for others of its drop is no reason: hot drops are one writer each. Past this, processes are short of time.
    "orders": Scaling(
        1,
        4,
        "histogram_quantile(0.95, sum(rate(livedrops_rpc_server_seconds_bucket{service='orders',method='place_many'}[1m])) by (le))",
        0.2,
    ),
    # Who is away may wait a minute.
    "notifications-push": Scaling(1, 6, "histogram_quantile(0.9, sum(rate(livedrops_push_delay_seconds_bucket[2m])) by (le))", 60),
}


def scaling_block(name: str) -> str:
    """Of a unit's group; empty for what does not grow by itself."""
    scaling = SCALED.get(name)
    if scaling is None:
        return ""
    return fill(
        TEMPLATES / "scaling.hcl.tmpl",
        name=name,
        least=scaling.least,
        most=scaling.most,
        query=scaling.query,
        strategy="pass-through" if scaling.target is None else "target-value",
        target="" if scaling.target is None else f"\n            target = {scaling.target}\n          ",
    )
