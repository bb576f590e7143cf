"""Processes: whether they do their work, and whether we would know."""

from monitoring.alerts.rule import PAGE, TICKET, Alert, Group
from monitoring.pace import Pace


def group(pace: Pace) -> Group:
    return Group(
        (
            Alert(
                "UnitNotReady",
                "min by (unit, process) (livedrops_unit_ready) == 0",
                pace.wait("1m"),
                PAGE,
                "{{ $labels.process }} is not ready",
            ),
            Alert(
                "WorkerRoundsFail",
                f"sum by (unit) (increase(livedrops_worker_failed_rounds_total[{pace.window('5m')}])) > 5",
                pace.wait("2m"),
                TICKET,
                '{{ $labels.unit }} failed {{ printf "%.0f" $value }} rounds of its work lately',
            ),
            Alert("IngressAway", 'up{job="ingress"} == 0', pace.wait("30s"), PAGE, "The ingress does not answer: nobody gets in"),
            Alert(
                "NothingBehindIngress",
                'max by (proxy) (haproxy_backend_active_servers{proxy=~"orders|reads|media|live"}) == 0',
                pace.wait("30s"),
                PAGE,
                "No process takes what the ingress has for {{ $labels.proxy }}",
            ),
            Alert(
                "MonitoringBlind",
                "up == 0 or livedrops_source_up == 0",
                pace.wait("2m"),
                TICKET,
                "Nothing is measured of {{ with $labels.source }}{{ . }}{{ else }}{{ $labels.job }}{{ end }}",
            ),
        )
    )
