"""What flows from a change to those who are to see it: the change stream, notifications, streams, pushes, the cache."""

from monitoring.alerts.rule import PAGE, TICKET, Alert, Group, Record, grown, quantile
from monitoring.pace import Pace

# By the place that the reader kept, and not by its own word: one that hangs says nothing.
LONGEST_CAPTURE_LAG_S = 10
# The promise: told within two seconds.
LONGEST_DELAY_S = 2
# A family whose hits fall to this share of what they were.
FALLEN_TO = 0.7


def group(pace: Pace) -> Group:
    return Group((*_capture(pace), *_told(pace), *_pushed(pace), *_cache(pace)))


def _capture(pace: Pace) -> tuple[Alert, ...]:
    return (
        Alert(
            "CaptureLags",
            f"max(livedrops_capture_behind_seconds) > {LONGEST_CAPTURE_LAG_S}",
            pace.wait("1m"),
            PAGE,
            "Lists and counts of followers are {{ $value | humanizeDuration }} behind",
        ),
        Alert("CaptureSilent", "absent(livedrops_capture_lag_seconds)", pace.wait("5m"), PAGE, "Nobody reads the change stream"),
        Alert(
            "CapturePlaceLost",
            grown("livedrops_capture_place_lost_total", "", pace.window("1h")),
            "",
            TICKET,
            "Changes of follows were missed: lists and counts are being rebuilt",
        ),
    )


def _told(pace: Pace) -> tuple[Alert, ...]:
    window = pace.window("5m")
    refused = grown('livedrops_live_refused_total{code="BUSY"}', "", window)
    return (
        Alert(
            "NotificationsLate",
            f"{quantile(0.99, 'livedrops_notification_delay_seconds', '', window)} > {LONGEST_DELAY_S}",
            pace.wait("1m"),
            PAGE,
            "Notifications are written {{ $value | humanizeDuration }} after their cause at p99",
        ),
        Alert(
            "LiveLate",
            f"{quantile(0.99, 'livedrops_live_delay_seconds', '', window)} > {LONGEST_DELAY_S}",
            pace.wait("1m"),
            PAGE,
            "Who is connected sees a notification {{ $value | humanizeDuration }} after its cause at p99",
        ),
        Alert(
            "StreamsFull",
            refused
            + ' or max by (server) (haproxy_server_current_sessions{proxy="live"} / haproxy_server_limit_sessions{proxy="live"}) > 0.9',
            "",
            TICKET,
            "The live streams are full: some are refused, and lag by two seconds",
        ),
    )


def _pushed(pace: Pace) -> tuple[Alert, ...]:
    window = pace.window("10m")
    failed = f'sum(rate(livedrops_push_total{{result=~"failed|again"}}[{window}]))'
    ended = f'sum(rate(livedrops_push_total{{result=~"failed|again|delivered"}}[{window}]))'
    return (
        Alert(
            "PushEndpointsFail",
            f"{failed} / {ended} > 0.2 and {ended} > 0.05",
            pace.wait("10m"),
            TICKET,
            "{{ $value | humanizePercentage }} of pushes do not arrive at once",
        ),
        Alert(
            "SightingsLost",
            grown('livedrops_sightings_total{what="lost"}', "", pace.window("1h")),
            "",
            TICKET,
            "Reports of views and refusals were thrown away: the sums of analytics lack them",
        ),
    )


def _cache(pace: Pace) -> tuple[Record | Alert, ...]:
    window = pace.window("10m")
    looks = f'sum by (family) (rate(livedrops_cache_looks_total{{result=~"hit|miss"}}[{window}]))'
    hits = f'sum by (family) (rate(livedrops_cache_looks_total{{result="hit"}}[{window}]))'
    ratio = "livedrops:cache_hit_ratio:10m"
    return (
        Record(ratio, f"{hits} / ({looks} > 0)"),
        Alert(
            "CacheMissesRise",
            f"{ratio} < {FALLEN_TO} * avg_over_time({ratio}[{pace.window('1d')}]) and {looks} > 1",
            pace.wait("10m"),
            TICKET,
            "Of {{ $labels.family }} only {{ $value | humanizePercentage }} is found in the cache, far less than before",
        ),
    )
