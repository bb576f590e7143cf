"""What each task may take, from measurement: docs/performance.md has the table.

Where Nomad has cgroups, who takes more than the most is ended at once, raw_exec or not; a server is Python for its first second.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """cpu: MHz that are kept for it. memory: MB that are kept for it, its resident memory and a third more. most: MB past which
    something is wrong with it."""

    cpu: int
    memory: int
    most: int


# A unit on nameko, or a loop, with its connections.
_ORDINARY = Size(50, 128, 384)
_SIZES = {
    "gateway": Size(400, 256, 768),
    "live": Size(100, 192, 1024),
    "media": Size(100, 192, 768),
    "orders": Size(300, 160, 512),
    "users": Size(100, 192, 512),
    "notifications-push": Size(100, 192, 512),
    "search-indexer": Size(50, 160, 512),
    "ingress": Size(200, 64, 256),
    "rabbitmq": Size(200, 256, 768),
    "epmd": Size(10, 32, 192),
    "postgres": Size(200, 192, 768),
    "mongo": Size(200, 320, 768),
    "redis": Size(50, 32, 320),
    "elasticsearch": Size(200, 640, 1024),
    "autoscaler": Size(20, 64, 128),
    "settle": Size(20, 96, 256),
    "prometheus": Size(50, 128, 512),
    "exporter": Size(20, 96, 256),
    "alertmanager": Size(10, 64, 256),
    "statsd-exporter": Size(30, 32, 256),
    "node-exporter": Size(10, 32, 256),
    "postgres-exporter": Size(10, 32, 256),
    "redis-exporter": Size(10, 32, 256),
    "elasticsearch-exporter": Size(10, 32, 256),
}


def size_of(name: str) -> Size:
    return _SIZES.get(name, _ORDINARY)
