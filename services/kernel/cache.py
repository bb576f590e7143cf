"""Redis as an aid: short deadlines, never an error to the caller, and a pause after it failed.

Every answer may be None, for "not there" just as for "Redis is away": the caller asks the truth instead.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.contracts.errors import Unavailable
from services.kernel.metrics import Metrics

log = logging.getLogger("livedrops.cache")
T = TypeVar("T")
# After a failure nobody asks for this long: a slow Redis costs one caller its deadline, not each of them.
PAUSE_S = 1.0

# Sets a hash's fields only where its version is newer than the stored one. KEYS[1]; ARGV: version, life in ms, field, value, ...
_SET_IF_NEWER = """
local stored = tonumber(redis.call('HGET', KEYS[1], 'version') or '-1')
if tonumber(ARGV[1]) <= stored then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""


class Cache:
    """One Redis. Names of families appear in metrics: cache.<family>.hit, .miss, .away."""

    def __init__(self, url: str, metrics: Metrics, deadline_s: float, connections: int = 32) -> None:
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=deadline_s,
            socket_timeout=deadline_s,
            socket_connect_timeout=deadline_s,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
        )
        self.redis = redis.Redis(connection_pool=pool)
        self._metrics = metrics
        self._away_until = 0.0
        self._lock = threading.Lock()
        self._set_if_newer = self.redis.register_script(_SET_IF_NEWER)

    def fields(self, family: str, key: str) -> dict[bytes, bytes] | None:
        """A hash's fields; None where it is not there or Redis is away."""
        found = self._try(family, lambda: cast("dict[bytes, bytes]", self.redis.hgetall(key)))
        self._metrics.count(f"cache.{family}.{'hit' if found else 'miss'}")
        return found or None

    def set_if_newer(self, family: str, key: str, version: int, life_s: float, fields: dict[str, str | bytes | int]) -> bool:
        """Store the fields unless a version as new is there. True where it was stored."""
        flat = [item for pair in fields.items() for item in pair]
        arguments: list[Any] = [version, max(1, int(life_s * 1000)), *flat]
        return bool(self._try(family, lambda: self._set_if_newer(keys=[key], args=arguments)))

    def script(self, family: str, script: Any, keys: list[str], arguments: list[Any]) -> Any:
        """Run a registered script; None where Redis is away."""
        return self._try(family, lambda: script(keys=keys, args=arguments))

    def check(self) -> None:
        """Raise Unavailable where Redis does not answer in time."""
        try:
            self.redis.ping()
        except redis.RedisError as error:
            raise Unavailable(f"Redis: {error}") from error

    def close(self) -> None:
        self.redis.close()

    def _try(self, family: str, work: Callable[[], T]) -> T | None:
        if time.monotonic() < self._away_until:
            self._metrics.count(f"cache.{family}.away")
            return None
        try:
            with self._metrics.timed(f"cache.{family}"):
                return work()
        except redis.RedisError as error:
            self._pause(family, error)
            return None

    def _pause(self, family: str, error: redis.RedisError) -> None:
        with self._lock:
            first = time.monotonic() >= self._away_until
            self._away_until = time.monotonic() + PAUSE_S
        if first:
            log.warning("Redis is away or slow; going on without it", extra={"family": family, "error": str(error)})
        self._metrics.count(f"cache.{family}.away")
