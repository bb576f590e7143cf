"""What is told to the live process over Redis, after the commit: a hint. Without Redis nothing is told, and nothing waits."""

from collections.abc import Iterable

import msgspec

from services.contracts import live
from services.contracts.live import PersonMessage
from services.kernel import live_hints
from services.kernel.cache import Cache
from services.kernel.live_hints import FAMILY
from services.notifications.domain import Numbered


class Live:
    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def tell_all(self, broadcasts: Iterable[Numbered]) -> None:
        self._cache.publish(FAMILY, [(live.BROADCASTS, msgspec.json.encode(one.as_broadcast())) for one in broadcasts])

    def tell_people(self, notes: Iterable[Numbered]) -> None:
        """Each his own."""
        self._cache.publish(
            FAMILY, [(live.person(one.stream), msgspec.json.encode(PersonMessage(one.number, one.notice))) for one in notes]
        )

    def tell_interests(self, user_id: str) -> None:
        """What this person wants to hear has changed."""
        live_hints.tell_interests(self._cache, [user_id])
