"""Alertmanager's configuration: what is told together, how soon, what keeps quiet, and to whom."""

from typing import Any

from monitoring.files import as_yaml
from monitoring.pace import Pace

# Told to nobody, and seen in Alertmanager and on the dashboards all the same: nothing leaves the machine unasked.
NOBODY = "nobody"
WEBHOOK = "webhook"


def render_alertmanager(webhook_url: str, pace: Pace) -> str:
    """webhook_url: who is told; nobody where it is empty. A page is told within half a minute, a ticket within five."""
    told = WEBHOOK if webhook_url else NOBODY
    receivers: list[dict[str, Any]] = [{"name": NOBODY}]
    if webhook_url:
        receivers.append({"name": WEBHOOK, "webhook_configs": [{"url": webhook_url, "send_resolved": True}]})
    document = {
        "route": {
            "receiver": told,
            # What went wrong at once is one message.
            "group_by": ["alertname", "severity"],
            "group_wait": pace.wait("5m"),
            "group_interval": pace.wait("10m"),
            "repeat_interval": pace.wait("12h"),
            "routes": [
                {
                    "matchers": ['severity="page"'],
                    "receiver": told,
                    "group_wait": pace.wait("30s"),
                    "group_interval": pace.wait("2m"),
                    "repeat_interval": pace.wait("2h"),
                },
                {"matchers": ['severity="ticket"'], "receiver": told},
            ],
        },
        "inhibit_rules": _quiet(),
        "receivers": receivers,
    }
    return as_yaml(document, "monitoring/alertmanager.py")


def _quiet() -> list[dict[str, Any]]:
    """What follows from something else that is told already."""
    # The page of an alert says all that its ticket would.
    page = {"source_matchers": ['severity="page"'], "target_matchers": ['severity="ticket"'], "equal": ["alertname"]}
    # Units that lack a store are not ready, and there is nothing to do for each of them. A broker that takes no messages is as good as away.
    stores = {
        "source_matchers": ['alertname=~"(Broker|Postgres|Mongo)Away|MongoWithoutPrimary|Broker(Memory|Disk)Alarm"'],
        "target_matchers": ['alertname=~"UnitNotReady|NothingBehindIngress|WorkerRoundsFail|OutboxTooOld|CaptureLags|MonitoringBlind"'],
    }
    # That nobody reads the changes says all that a growing lag does.
    capture = {"source_matchers": ['alertname="CaptureSilent"'], "target_matchers": ['alertname="CaptureLags"']}
    # A store that is away can't tell its own metrics.
    redis = {"source_matchers": ['alertname="RedisAway"'], "target_matchers": ['alertname="CacheMissesRise"']}
    return [page, stores, capture, redis]
