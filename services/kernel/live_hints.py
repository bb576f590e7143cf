"""Hints to the live process over Redis that more than one context has. A hint that is lost is no harm: see `services.contracts.live`."""

from collections.abc import Iterable

import msgspec

from services.contracts import live
from services.contracts.live import PersonMessage
from services.kernel.cache import Cache

# Under which family the cache's metrics count what is told live.
FAMILY = "live"
_INTERESTS = msgspec.json.encode(PersonMessage(interests=True))


def tell_interests(cache: Cache, user_ids: Iterable[str]) -> None:
    """What these people want to hear has changed: whom they follow, what they mute, of what they are reminded."""
    cache.publish(FAMILY, [(live.person(user_id), _INTERESTS) for user_id in sorted(user_ids)])
