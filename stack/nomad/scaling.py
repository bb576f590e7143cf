"""By what units grow and shrink, where there is a Prometheus: names of metrics as monitoring/ has them.

Leaders under a lease, and stores, are not here: more of them would only wait.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stack.nomad.text import TEMPLATES, fill, indented

# As often as Prometheus looks (monitoring/pace.py).
LOOK = "15s"


@dataclass(frozen=True)
class Scaling:
    """Between the job's `count` and most, whichever of two wants more.

    load: PromQL, how many processes the present load wants; where it can't be known it has no value, and nothing changes.
    crowd: of so many followers whose drop starts soon (`livedrops_crowd`), one process is started for each; 0 where no crowd comes.
    """

    most: int
    load: str
    crowd: int = 0


def _as_slow(unit: str, slowness: str, bound: float) -> str:
    """In proportion to how far a slowness is above its bound. Whatever is measured now, those of a minute ago have caused."""
    return f"count(livedrops_unit_ready{{unit='{unit}'}} offset 1m) * {slowness} / {bound}"


_P95_OF_ORDERS = (
    "histogram_quantile(0.95, sum(rate(livedrops_rpc_server_seconds_bucket{service='orders',method='place_many'}[1m])) by (le))"
)
_OLDEST_PUSH = "max(livedrops_queue_oldest_seconds{queue=~'notifications.push|notifications.push_personal'})"

SCALED: Mapping[str, Scaling] = {
    # One answers some 900 a second on a core of its own; at two thirds of that there is room for the crowd of the next minute. Of those who follow, a
    # fiftieth comes in the first minute, with some twenty requests each.
    "gateway": Scaling(8, "sum(rate(livedrops_http_request_seconds_count[1m])) / 600", crowd=100_000),
    # It refuses past 8,000 streams; of those who follow, a twentieth has one.
    "live": Scaling(8, "sum(livedrops_live_connections) / 5000", crowd=100_000),
    # A batch that waits for others of its drop is no reason: hot drops are one writer each. Past this, processes are short of time.
    "orders": Scaling(4, _as_slow("orders", _P95_OF_ORDERS, 0.2), crowd=400_000),
    # Who is away may wait a minute.
    "notifications-push": Scaling(6, _as_slow("notifications-push", _OLDEST_PUSH, 60)),
}


def scaling_variables(name: str) -> str:
    """What an operator may set; empty for what does not grow by itself."""
    scaling = SCALED.get(name)
    if scaling is None:
        return ""
    crowd = fill(TEMPLATES / "scaling_crowd.hcl.tmpl", people=scaling.crowd) if scaling.crowd else ""
    return fill(TEMPLATES / "scaling_variables.hcl.tmpl", most=scaling.most, crowd=crowd)


def scaling_block(name: str) -> str:
    """Of a unit's group; empty for what does not grow by itself."""
    if name not in SCALED:
        return ""
    checks = [fill(TEMPLATES / "scaling_check.hcl.tmpl", name=which, query=query) for which, query in queries(name).items()]
    return fill(TEMPLATES / "scaling.hcl.tmpl", look=LOOK, checks=indented("\n".join(checks), 8))


def queries(name: str) -> Mapping[str, str]:
    """PromQL by name, each of which gives how many processes are wanted; it holds the job's variables."""
    scaling = SCALED[name]
    crowd = {"crowd": "ceil(max(livedrops_crowd) / ${var.crowd})"} if scaling.crowd else {}
    return {"load": _for_a_while(name, scaling.load), **crowd}


def _for_a_while(unit: str, load: str) -> str:
    """The most that was wanted lately: up at once, down after a while. Nothing measured (nobody orders) is no load, if the unit was watched so long ago;
    if not, Prometheus itself was away, and nothing is known."""
    nothing = f"0 * count(livedrops_unit_ready{{unit='{unit}'}} offset ${{var.calm}})"
    return f"ceil(max_over_time(({load} >= 0)[${{var.calm}}:{LOOK}]) or {nothing})"
