"""What the cache and the live process have to learn of changes. What has to go from the cache because it changed: while Redis is away it is remembered, and dropped as soon as it is back."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from services.contracts import live
from services.contracts.live import PersonMessage
from services.kernel.cache import Cache, batched
from services.users.people import PERSON

# More than this at once, after Redis was away for long, is dropped as a whole.
MOST_AT_ONCE = 20_000
STEP = 500
_INTERESTS = msgspec.json.encode(PersonMessage(interests=True))


@dataclass
class Dropper:
    """people: whose entries are to go."""

    cache: Cache
    people: set[str] = field(default_factory=set)
    _everything: bool = False

    def forget_everything(self) -> None:
        self._everything = True

    def tell_followers(self, user_ids: Iterable[str]) -> None:
        """Whom they follow has changed. Where Redis is away, those who listen ask anew when it is back."""
        self.cache.publish("live", [(live.person(user_id), _INTERESTS) for user_id in sorted(user_ids)])

    def drop(self) -> None:
        """Drop what is to go, as far as Redis lets us."""
        if self._everything or len(self.people) > MOST_AT_ONCE:
            self._everything = not self.cache.drop_all(PERSON)
            if not self._everything:
                self.people.clear()
            return
        for some in batched(list(self.people), STEP):
            if not self.cache.drop(PERSON, some):
                return
            self.people.difference_update(some)
