"""A Bloom filter over accepted idempotency keys (Bloom, 1970): "not in it" is certain, "in it" means ask.

Orders hands the gateways one of these when a drop sells out; a key outside it can have no order.
"""

import hashlib
from collections.abc import Iterable

# 12 bits and 8 probes a key let about 1 in 300 strangers ask orders: ln 2 * 12 is about 8.
BITS_PER_KEY = 12
PROBES = 8
_NUMBERS = range(PROBES)


class KeyFilter:
    """The keys of one drop at one version of its stock."""

    def __init__(self, bits: bytes) -> None:
        self.bits = bits

    @classmethod
    def of(cls, keys: Iterable[tuple[str, str]], count: int) -> "KeyFilter":
        """A filter over `count` pairs of user id and idempotency key."""
        bits = bytearray(max(8, (count * BITS_PER_KEY + 7) // 8))
        size = len(bits) * 8
        for user_id, key in keys:
            for place in _places(user_id, key, size):
                bits[place >> 3] |= 1 << (place & 7)
        return cls(bytes(bits))

    def may_hold(self, user_id: str, key: str) -> bool:
        bits = self.bits
        for place in _places(user_id, key, len(bits) * 8):  # noqa: SIM110 - a generator would cost more than the probes
            if not bits[place >> 3] & (1 << (place & 7)):
                return False
        return True


def _places(user_id: str, key: str, size: int) -> list[int]:
    """Double hashing: Kirsch and Mitzenmacher, "Less hashing, same performance" (2006)."""
    digest = hashlib.blake2b(f"{user_id}\x00{key}".encode(), digest_size=16).digest()
    first, step = int.from_bytes(digest[:8]), int.from_bytes(digest[8:]) | 1
    return [(first + number * step) % size for number in _NUMBERS]
