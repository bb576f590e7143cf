"""How many streams there may be: in all, of one person, from one address."""

from collections import Counter

from gateway.live.settings import LiveSettings
from services.contracts.errors import Busy, RateLimited

# A place is free again when somebody leaves; who comes back sooner finds the same.
RETRY_AFTER_S = 5


class Places:
    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._people: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()
        self.taken = 0

    def enter(self, user_id: str | None, address: str) -> None:
        """Take a place; give it back with `leave`. Raises Busy, RateLimited."""
        settings = self._settings
        if self.taken >= settings.live_connections:
            raise Busy("Too many live streams. Try again.", retry_after_s=RETRY_AFTER_S)
        if self._addresses[address] >= settings.live_connections_per_address:
            raise RateLimited("Too many live streams from one address.", retry_after_s=RETRY_AFTER_S)
        if user_id is not None and self._people[user_id] >= settings.live_connections_per_person:
            raise RateLimited("Too many live streams of one person.", retry_after_s=RETRY_AFTER_S)
        self._count(user_id, address, 1)

    def leave(self, user_id: str | None, address: str) -> None:
        self._count(user_id, address, -1)

    def _count(self, user_id: str | None, address: str, by: int) -> None:
        self.taken += by
        for counter, key in ((self._addresses, address), (self._people, user_id)):
            if key is not None:
                counter[key] += by
                if not counter[key]:
                    del counter[key]
