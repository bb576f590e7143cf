"""The promises as error budgets, told by how fast they burn: https://sre.google/workbook/alerting-on-slos/ (multi-window, multi-burn-rate).

A month's budget burnt at 14.4 times its pace is 2% of it within an hour; the short window ends the alarm soon after its cause.
"""

from dataclasses import dataclass

from monitoring.alerts.rule import PAGE, TICKET, Alert, Group, Record
from monitoring.pace import Pace

# Long window, short window, how many times as fast as the budget allows. Either pair is enough.
FAST = (("1h", "5m", 14.4), ("6h", "30m", 6.0))
SLOW = (("1d", "2h", 3.0), ("3d", "6h", 1.0))
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
# Below this many requests in the long window, one slow request is no burning budget.
FEWEST_REQUESTS = 50


@dataclass(frozen=True)
class Promise:
    """good and all: counters, without a window. budget: the share of bad ones that is allowed."""

    name: str
    alert: str
    good: str
    all: str
    budget: float
    broken: str


def _within(kind: str, bound: str) -> dict[str, str]:
    """Of what was answered: a refusal that comes at once makes nothing faster."""
    metric, answered = "livedrops_http_request_seconds", f'kind="{kind}",status!~"5.."'
    return {"good": f'{metric}_bucket{{{answered},le="{bound}"}}', "all": f"{metric}_count{{{answered}}}"}


_SERVED = "livedrops_http_request_seconds_count"
PROMISES = (
    Promise("reads_in_time", "ReadsTooSlow", **_within("read", "0.2"), budget=0.05, broken="of reads take more than 200 ms"),
    Promise("orders_in_time", "OrdersTooSlow", **_within("order", "0.5"), budget=0.05, broken="of orders take more than 500 ms"),
    # Orders are counted by their outcome (OrdersFail): that too many come at once is told to buyers with the same status as a failure.
    Promise(
        "requests_served",
        "RequestsFail",
        good=f'{_SERVED}{{kind=~"read|write",status!~"5.."}}',
        all=f'{_SERVED}{{kind=~"read|write"}}',
        budget=0.001,
        broken="of requests end in an error of ours",
    ),
)


def group(pace: Pace) -> Group:
    records = tuple(_record(promise, window, pace) for promise in PROMISES for window in WINDOWS)
    return Group(records + tuple(alert for promise in PROMISES for alert in _alerts(promise, pace)))


def _record(promise: Promise, window: str, pace: Pace) -> Record:
    span = pace.window(window)
    # Without a good one the share of bad ones is all of them, and not unknown.
    good = f"(sum(rate({promise.good}[{span}])) or vector(0))"
    return Record(_name(promise, window), f"1 - {good} / (sum(rate({promise.all}[{span}])) > 0)")


def _name(promise: Promise, window: str) -> str:
    return f"livedrops:{promise.name}:bad_ratio_{window}"


def _alerts(promise: Promise, pace: Pace) -> tuple[Alert, ...]:
    return tuple(
        Alert(
            promise.alert,
            " or ".join(_burns(promise, *pair, pace) for pair in pairs),
            pace.wait(lasting),
            severity,
            f"{{{{ $value | humanizePercentage }}}} {promise.broken}: the budget of a month burns too fast",
        )
        for pairs, severity, lasting in ((FAST, PAGE, "1m"), (SLOW, TICKET, "15m"))
    )


def _burns(promise: Promise, long: str, short: str, times: float, pace: Pace) -> str:
    bound = f"{times * promise.budget:.4g}"
    enough = f"sum(increase({promise.all}[{pace.window(long)}])) > {FEWEST_REQUESTS}"
    return f"({_name(promise, long)} > {bound} and {_name(promise, short)} > {bound} and {enough})"
