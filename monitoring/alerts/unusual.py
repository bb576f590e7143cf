"""What differs from its own past, whatever the thresholds say: the distance from the mean of the last hours, in deviations.

A deviation of nearly nothing, at night, would make a single request unusual: a twentieth of the mean and a fifth of a request a second are added.
"""

from monitoring.alerts.rule import TICKET, Alert, Group, Record
from monitoring.alerts.sales import FAILED
from monitoring.pace import Pace, seconds

PAST = "6h"
# What goes on now is no part of the past it is compared with.
AGO = "15m"
# Deviations. Of what is spread normally, three in ten thousand looks a year are as far off.
UNUSUAL = 4
# Less of a past than this share of it is none to compare with.
LEAST_PAST = 0.15


def group(pace: Pace) -> Group:
    window = pace.window("5m")
    requests, failures = "livedrops:requests:rate5m", "livedrops:order_failures:rate5m"
    return Group(
        (
            Record(requests, f'sum(rate(livedrops_http_request_seconds_count{{kind=~"read|write|order"}}[{window}])) or vector(0)'),
            Record(failures, f'sum(rate(livedrops_orders_total{{outcome=~"{FAILED}"}}[{window}])) or vector(0)'),
            Record("livedrops:requests:deviations", _deviations(requests, pace)),
            Record("livedrops:order_failures:deviations", _deviations(failures, pace)),
            Alert(
                "RequestVolumeUnusual",
                f"abs(livedrops:requests:deviations) > {UNUSUAL}",
                pace.wait("10m"),
                TICKET,
                'Requests are {{ printf "%.1f" $value }} deviations from the mean of the last hours',
            ),
            Alert(
                "OrderFailuresUnusual",
                f"livedrops:order_failures:deviations > {UNUSUAL}",
                pace.wait("5m"),
                TICKET,
                'Failed orders are {{ printf "%.1f" $value }} deviations above the mean of the last hours',
            ),
        )
    )


def _deviations(metric: str, pace: Pace) -> str:
    past = f"{metric}[{pace.window(PAST)}] offset {pace.window(AGO)}"
    enough = int(LEAST_PAST * seconds(PAST) * pace.factor / pace.scrape_s)
    mean, deviation = f"avg_over_time({past})", f"stddev_over_time({past})"
    return f"({metric} - {mean}) / ({deviation} + 0.05 * {mean} + 0.2) and count_over_time({past}) >= {enough}"
