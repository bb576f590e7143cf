"""Rate limits: token buckets in Redis by person and by address, counted in points of cost.

A process takes points from a bucket in blocks and spends them by itself, so that most requests, and rejections above all,
need no round trip. Without Redis each process keeps buckets of its own: the limit is then a little looser, never gone.
"""

import math
import threading
import time
from dataclasses import dataclass, field

from services.contracts.errors import RateLimited
from services.kernel.cache import Cache

# What a process took and did not spend within this time goes back to nobody: the bucket has refilled by then.
BLOCK_LIFE_S = 2.0
# A block is this part of a bucket: several processes can each hold one and the bucket still serves a burst.
BLOCKS_PER_BUCKET = 10
# Buckets kept in memory; more than this many people a second on one process is an attack or a need for processes.
MAX_BUCKETS = 50_000

# KEYS[1]; ARGV: capacity, points a second, points wanted, points needed. Answers points granted, and ms to wait where none were.
_LEASE = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1e6
local stored = redis.call('HMGET', KEYS[1], 'points', 'at')
local capacity, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
local points = capacity
if stored[1] then points = math.min(capacity, tonumber(stored[1]) + (now - tonumber(stored[2])) * rate) end
local need = tonumber(ARGV[4])
if points < need then return {0, math.ceil((need - points) / rate * 1000)} end
local granted = math.min(tonumber(ARGV[3]), math.floor(points))
redis.call('HSET', KEYS[1], 'points', tostring(points - granted), 'at', tostring(now))
redis.call('PEXPIRE', KEYS[1], math.ceil(capacity / rate * 1000) + 1000)
return {granted, 0}
"""


@dataclass(frozen=True)
class Allowance:
    """Points a second, and points at once."""

    family: str
    rate: float
    burst: int


@dataclass
class _Purse:
    """What this process may still spend of one bucket. denied_until: when it may ask again."""

    points: float = 0.0
    good_until: float = 0.0
    denied_until: float = 0.0
    refilled_at: float = 0.0
    own: bool = False
    refilling: threading.Lock = field(default_factory=threading.Lock)


class RateLimits:
    """Limits of one kind (by person, or by address)."""

    def __init__(self, cache: Cache, allowance: Allowance) -> None:
        self._cache = cache
        self._allowance = allowance
        self._lock = threading.Lock()
        self._purses: dict[str, _Purse] = {}
        self._lease = cache.redis.register_script(_LEASE)

    def spend(self, subject: str, points: int) -> None:
        """Take points for one request. Raises RateLimited with retry_after_s."""
        points = min(points, self._allowance.burst)
        purse = self._purse(subject)
        if self._pay(purse, points):
            return
        with purse.refilling:  # one thread asks Redis; those who waited for it pay from what it brought
            if not self._pay(purse, points):
                self._refill(subject, purse, points)

    def _pay(self, purse: _Purse, points: int) -> bool:
        """Pay from the purse, if there is enough in it. Raises RateLimited while it is known to be empty."""
        now = time.monotonic()
        with self._lock:
            if now < purse.denied_until:
                raise _slow_down(purse.denied_until - now)
            if now >= purse.good_until or purse.points < points:
                return False
            purse.points -= points
            return True

    def _purse(self, subject: str) -> _Purse:
        with self._lock:
            purse = self._purses.get(subject)
            if purse is None:
                if len(self._purses) >= MAX_BUCKETS:
                    self._purses.clear()
                purse = self._purses[subject] = _Purse()
            return purse

    def _refill(self, subject: str, purse: _Purse, points: int) -> None:
        allowance = self._allowance
        wanted = max(points, allowance.burst // BLOCKS_PER_BUCKET)
        key = f"limit:{allowance.family}:{{{subject}}}"
        answer = self._cache.script("limit", self._lease, [key], [allowance.burst, allowance.rate, wanted, points])
        now = time.monotonic()
        with self._lock:
            if answer is None:
                self._refill_alone(purse, now)
            elif answer[0]:
                left = purse.points if now < purse.good_until and not purse.own else 0.0
                purse.points, purse.good_until, purse.own = left + answer[0], now + BLOCK_LIFE_S, False
            if purse.points < points or (answer is not None and not answer[0]):
                wait_s = answer[1] / 1000 if answer else (points - purse.points) / allowance.rate
                purse.denied_until = now + wait_s
                raise _slow_down(wait_s)
            purse.points -= points

    def _refill_alone(self, purse: _Purse, now: float) -> None:
        """Without Redis: a bucket of this process alone."""
        if not purse.own:
            purse.points, purse.own = float(self._allowance.burst), True
        else:
            purse.points = min(self._allowance.burst, purse.points + (now - purse.refilled_at) * self._allowance.rate)
        purse.refilled_at = now
        purse.good_until = 0.0  # asks Redis again the next time


def _slow_down(wait_s: float) -> RateLimited:
    return RateLimited(retry_after_s=max(1, math.ceil(wait_s)))
