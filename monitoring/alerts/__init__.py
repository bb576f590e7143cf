"""What is alarming, and what is recorded to tell. One module a subject; `rule_files` makes Prometheus' files of them.

The files for the usual pace are kept in monitoring/rules, as they are read most, and as promtool's tests (monitoring/tests) take them:
`livedrops monitor generate` writes them anew.
"""

from monitoring.alerts import flows, promises, queues, sales, stores, units, unusual
from monitoring.alerts.rule import Alert, Group
from monitoring.files import as_yaml
from monitoring.pace import Pace

_SUBJECTS = {
    "units": units.group,
    "sales": sales.group,
    "promises": promises.group,
    "queues": queues.group,
    "flows": flows.group,
    "stores": stores.group,
    "unusual": unusual.group,
}


def groups(pace: Pace) -> dict[str, Group]:
    """By the name of their file."""
    return {name: make(pace) for name, make in _SUBJECTS.items()}


def rule_files(pace: Pace) -> dict[str, str]:
    """Prometheus' rule files: text by name."""
    return {f"{name}.yml": as_yaml(group.document(name), f"monitoring/alerts/{name}.py") for name, group in groups(pace).items()}


def all_alerts(pace: Pace | None = None) -> list[Alert]:
    return [rule for group in groups(pace or Pace()).values() for rule in group.rules if isinstance(rule, Alert)]
