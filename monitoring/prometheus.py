"""Prometheus' configuration: who is asked, how often, and by which rules it judges."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.files import as_yaml
from monitoring.pace import Pace


@dataclass(frozen=True)
class Job:
    """One kind of program that tells metrics.

    name: the label `job`. targets: host:port of each. file: where they are listed instead, read anew when it changes: Nomad writes it from what
    Consul knows (Debian's Prometheus is built without Consul's own discovery). path: where it tells them.
    """

    name: str
    targets: tuple[str, ...] = ()
    file: str = ""
    path: str = "/metrics"


def render_prometheus(jobs: Sequence[Job], alertmanager: str, rules_folder: str, pace: Pace) -> str:
    """alertmanager: host:port. rules_folder: where rule_files of monitoring.alerts lie."""
    document = {
        "global": {"scrape_interval": pace.scrape, "scrape_timeout": _timeout(pace), "evaluation_interval": pace.scrape},
        "rule_files": [f"{rules_folder}/*.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [_scrape(job) for job in jobs],
    }
    return as_yaml(document, "monitoring/prometheus.py")


def _timeout(pace: Pace) -> str:
    """Of one look: an exporter that asks a store which is away answers late, and must answer all the same."""
    return pace.scrape if pace.scrape_s < 10 else "10s"


def _scrape(job: Job) -> dict[str, Any]:
    found: dict[str, Any] = {"job_name": job.name, "metrics_path": job.path}
    if job.file:
        # https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
        return found | {"file_sd_configs": [{"files": [job.file]}]}
    return found | {"static_configs": [{"targets": list(job.targets)}]}
