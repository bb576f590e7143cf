"""Redis: a cache and nothing else, so it keeps nothing and forgets the least used when full."""

from pathlib import Path

from redis import Redis as Client
from redis.exceptions import RedisError

from stack.programs import Program
from stack.servers import Site

_PROBE_TIMEOUT_S = 0.5


class Redis:
    name = "redis"

    def __init__(self, site: Site) -> None:
        self._site = site
        self._port = site.ports["redis"]
        self._data = site.instance.data / "redis"
        self._conf = site.instance.state / "redis.conf"

    def files(self) -> dict[Path, str]:
        # DEBUG from this machine lets chaos tests make it slow (DEBUG SLEEP). A title would be written over the environment,
        # by which a process that lost its supervisor is recognised as ours.
        text = f"""\
bind 127.0.0.1
port {self._port}
save ""
appendonly no
maxmemory 256mb
maxmemory-policy allkeys-lru
enable-debug-command local
set-proc-title no
"""
        return {self._conf: text}

    def programs(self) -> tuple[Program, ...]:
        return (Program("redis", (str(self._site.binaries["redis-server"]), str(self._conf)), self._site.base, self._data),)

    def prepare(self) -> None:
        self._data.mkdir(mode=0o700, exist_ok=True)

    def is_ready(self) -> bool:
        try:
            with Client(
                host="127.0.0.1", port=self._port, socket_timeout=_PROBE_TIMEOUT_S, socket_connect_timeout=_PROBE_TIMEOUT_S
            ) as client:
                return bool(client.ping())
        except RedisError:
            return False
