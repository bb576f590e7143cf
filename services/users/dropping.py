"""What the cache and the live process have to learn of changes.

What has to go from the cache is remembered while Redis is away, and dropped as soon as it is back. What the live process is told is a hint.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.kernel import live_hints
from services.kernel.cache import Cache, batched
from services.users.people import PERSON

# More than this at once, after Redis was away for long, is dropped as a whole.
MOST_AT_ONCE = 20_000
STEP = 500


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
        live_hints.tell_interests(self.cache, user_ids)

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
