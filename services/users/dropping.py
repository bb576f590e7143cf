"""What has to go from the cache because it changed. While Redis is away it is remembered, and dropped as soon as it is back."""

from dataclasses import dataclass, field

from services.kernel.cache import Cache, batched
from services.users.people import COUNTS, PROFILES

# More than this at once, after Redis was away for long, is dropped as a whole.
MOST_AT_ONCE = 20_000
STEP = 500


@dataclass
class Dropper:
    """profiles, counts: the people whose entries are to go."""

    cache: Cache
    profiles: set[str] = field(default_factory=set)
    counts: set[str] = field(default_factory=set)
    _everything: bool = False

    def forget_everything(self) -> None:
        self._everything = True

    def drop(self) -> None:
        """Drop what is to go, as far as Redis lets us."""
        if self._everything or len(self.profiles) + len(self.counts) > MOST_AT_ONCE:
            self._everything = not (self.cache.drop_all(PROFILES) and self.cache.drop_all(COUNTS))
            if not self._everything:
                self.profiles.clear()
                self.counts.clear()
            return
        for family, people in ((PROFILES, self.profiles), (COUNTS, self.counts)):
            for some in batched(list(people), STEP):
                if not self.cache.drop(family, some):
                    return
                people.difference_update(some)
