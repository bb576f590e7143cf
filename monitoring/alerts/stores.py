"""Servers, and the machine under them."""

from monitoring.alerts.rule import PAGE, TICKET, Alert, Group
from monitoring.pace import Pace

# File systems that hold data. Those in memory and those of the kernel fill by other rules.
_DISKS = '{fstype!~"tmpfs|ramfs|squashfs|devtmpfs|proc|sysfs|fuse.*"}'
# By severity: the share of disk and of memory that must be free.
_LEAST = {TICKET: (0.15, 0.10), PAGE: (0.05, 0.05)}


def group(pace: Pace) -> Group:
    return Group((*_away(pace), *_machine(pace), *_short(pace)))


def _away(pace: Pace) -> tuple[Alert, ...]:
    away = {
        "BrokerAway": ('up{job="rabbitmq"} == 0 or livedrops_source_up{source="broker"} == 0', PAGE, "RabbitMQ does not answer"),
        "PostgresAway": ('pg_up == 0 or livedrops_source_up{source=~"orders|products"} == 0', PAGE, "PostgreSQL does not answer"),
        "MongoAway": ('livedrops_source_up{source="mongo"} == 0', PAGE, "MongoDB does not answer"),
        "MongoWithoutPrimary": ("max(livedrops_mongo_primary) == 0", PAGE, "MongoDB has no primary: nobody signs in or follows"),
        "RedisAway": ("redis_up == 0", TICKET, "Redis does not answer: everything goes on, slower"),
        "ElasticsearchAway": (
            'elasticsearch_cluster_health_up == 0 or elasticsearch_cluster_health_status{color="red"} == 1',
            TICKET,
            "Elasticsearch does not answer: searches are by plain text",
        ),
    }
    return tuple(Alert(name, expression, pace.wait("30s"), severity, said) for name, (expression, severity, said) in away.items())


def _machine(pace: Pace) -> tuple[Alert, ...]:
    return tuple(
        alert
        for severity, (disk, memory) in _LEAST.items()
        for alert in (
            Alert(
                "DiskFillsUp",
                f"min by (device) (node_filesystem_avail_bytes{_DISKS} / node_filesystem_size_bytes{_DISKS}) < {disk}",
                pace.wait("5m"),
                severity,
                "Only {{ $value | humanizePercentage }} of {{ $labels.device }} is free",
            ),
            Alert(
                "MemoryShort",
                f"min(node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes) < {memory}",
                pace.wait("5m"),
                severity,
                "Only {{ $value | humanizePercentage }} of the memory is available",
            ),
        )
    )


def _short(pace: Pace) -> tuple[Alert, ...]:
    return (
        Alert(
            "PostgresConnectionsShort",
            "sum(pg_stat_database_numbackends) / max(pg_settings_max_connections) > 0.8",
            pace.wait("5m"),
            TICKET,
            "{{ $value | humanizePercentage }} of PostgreSQL's connections are taken",
        ),
        Alert(
            "MongoReplicationLags",
            "max(livedrops_mongo_replication_lag_seconds) > 10",
            pace.wait("2m"),
            TICKET,
            "A secondary is {{ $value | humanizeDuration }} behind: writes that a majority must have wait for it",
        ),
    )
