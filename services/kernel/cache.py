"""Redis as an aid: short deadlines, never an error to the caller, and a pause after it failed.

Every answer may be None, for "not there" just as for "Redis is away": the caller asks the truth instead.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.contracts.errors import Unavailable
from services.kernel import tracing
from services.kernel.metrics import Metrics

log = logging.getLogger("livedrops.cache")
T = TypeVar("T")
# After a failure nobody asks for this long: a slow Redis costs one caller its deadline, not each of them.
PAUSE_S = 1.0
# An ordinary look-up takes a tenth of this, and would only fill a trace.
SLOW_S = 0.005
# Few enough messages for a round trip to stay far below the deadline.
PUBLISHED_AT_ONCE = 500
# Few enough for each step of a scan to stay far below the deadline.
SCANNED_AT_ONCE = 500

# Sets a hash's fields only where its version is newer than the stored one, and then tells whoever listens the last of them.
# KEYS[1]; ARGV: version, life in ms, channel or nothing, field, value, ...
_SET_IF_NEWER = """
local stored = tonumber(redis.call('HGET', KEYS[1], 'version') or '-1')
if tonumber(ARGV[1]) <= stored then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(ARGV, 4))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if ARGV[3] ~= '' then redis.call('PUBLISH', ARGV[3], ARGV[#ARGV]) end
return 1
"""


# Fills an entry only for the loader that claimed it: an entry dropped meanwhile took the claim with it, and what was loaded may be older
# than what made it drop. KEYS: entry, claim; ARGV: token, value, life in ms. (Nishtala et al., "Scaling Memcache at Facebook", 3.2.1.)
_FILL = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
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
        self._fill = self.redis.register_script(_FILL)

    def entries(self, family: str, ids: Sequence[str]) -> list[bytes | None]:
        """An entry for each id, None where it is not there or Redis is away."""
        found = self._try(family, lambda: cast("list[bytes | None]", self.redis.mget([entry_key(family, id) for id in ids])))
        return found or [None] * len(ids)

    def count_looks(self, family: str, hits: int, misses: int) -> None:
        """Tell the metrics; a look that is repeated while another loads is no further miss."""
        self._metrics.count(f"cache.{family}.hit", hits)
        self._metrics.count(f"cache.{family}.miss", misses)

    def claim(self, family: str, ids: Sequence[str], token: str, life_s: float) -> list[bool]:
        """Whether this loader is the one to load each of these entries. All of them where Redis is away."""
        pipeline = self.redis.pipeline(transaction=False)
        for id in ids:
            pipeline.set(_claim_key(family, id), token, px=int(life_s * 1000), nx=True)
        answers = self._try(family, pipeline.execute)
        return [bool(answer) for answer in answers] if answers is not None else [True] * len(ids)

    def fill(self, family: str, entries: Mapping[str, bytes], token: str, life_s: float) -> None:
        """Keep what was loaded, unless it was dropped since it was claimed."""
        pipeline = self.redis.pipeline(transaction=False)
        for id, entry in entries.items():
            self._fill(keys=[entry_key(family, id), _claim_key(family, id)], args=[token, entry, int(life_s * 1000)], client=pipeline)
        self._try(family, pipeline.execute)

    def drop(self, family: str, ids: Iterable[str], told: Iterable[tuple[str, bytes]] = ()) -> bool:
        """Forget entries, and make fills of what was loaded before now fail. False where Redis is away: drop again.

        told: messages, each with its channel, for those who are to look anew: behind the entries, in the same round trip.
        """
        pipeline = self.redis.pipeline(transaction=False)
        for id in ids:
            pipeline.unlink(entry_key(family, id), _claim_key(family, id))
        for channel, message in told:
            pipeline.publish(channel, message)
        return self._try(family, lambda: (pipeline.execute(), True)[1]) or False

    def drop_all(self, family: str) -> bool:
        """Forget every entry of a family. False where Redis is away: drop again."""

        def work() -> bool:
            for pattern in (entry_key(family, "*"), _claim_key(family, "*")):
                for keys in batched(self.redis.scan_iter(pattern, count=SCANNED_AT_ONCE), SCANNED_AT_ONCE):
                    self.redis.unlink(*keys)
            return True

        return self._try(family, work) or False

    def publish(self, family: str, messages: Iterable[tuple[str, bytes]]) -> bool:
        """Send messages, each to its channel, in their order. False where Redis is away: some, or all, are lost."""
        for some in batched(messages, PUBLISHED_AT_ONCE):
            pipeline = self.redis.pipeline(transaction=False)
            for channel, message in some:
                pipeline.publish(channel, message)
            if self._try(family, pipeline.execute) is None:
                return False
        return True

    def fields(self, family: str, key: str) -> dict[bytes, bytes] | None:
        """A hash's fields; None where it is not there or Redis is away."""
        found = self._try(family, lambda: cast("dict[bytes, bytes]", self.redis.hgetall(key)))
        self._metrics.count(f"cache.{family}.{'hit' if found else 'miss'}")
        return found or None

    def fields_of_many(self, family: str, keys: Sequence[str]) -> list[dict[bytes, bytes] | None]:
        """The same of many hashes, in one round trip."""
        pipeline = self.redis.pipeline(transaction=False)
        for key in keys:
            pipeline.hgetall(key)
        found = [fields or None for fields in self._try(family, pipeline.execute) or [None] * len(keys)]
        misses = found.count(None)
        self.count_looks(family, len(found) - misses, misses)
        return found

    def set_if_newer(
        self, family: str, key: str, version: int, life_s: float, fields: dict[str, str | bytes | int], channel: str = ""
    ) -> bool:
        """Store the fields unless a version as new is there. True where it was stored. channel: where the last field is published then."""
        flat = [item for pair in fields.items() for item in pair]
        arguments: list[Any] = [version, max(1, int(life_s * 1000)), channel, *flat]
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
        began = time.perf_counter()
        try:
            with self._metrics.timed(f"cache.{family}"):
                return work()
        except redis.RedisError as error:
            self._pause(family, error)
            return None
        finally:
            if (took_s := time.perf_counter() - began) > SLOW_S:
                tracing.tell_past(f"redis {family}", "client", {"db.system.name": "redis", "db.operation.name": family}, took_s)

    def _pause(self, family: str, error: redis.RedisError) -> None:
        with self._lock:
            first = time.monotonic() >= self._away_until
            self._away_until = time.monotonic() + PAUSE_S
        if first:
            log.warning("Redis is away or slow; going on without it", extra={"family": family, "error": str(error)})
        self._metrics.count(f"cache.{family}.away")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of `size`; the last may be shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def entry_key(family: str, id: str) -> str:
    """Both keys of an entry are in one slot of a Redis Cluster."""
    return f"{family}:{{{id}}}"


def _claim_key(family: str, id: str) -> str:
    return f"claim:{family}:{{{id}}}"
