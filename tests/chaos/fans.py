"""A client that follows and unfollows as a good one does: repeats a wish until it is acknowledged, with bounds."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services.contracts.errors import Unavailable
from services.contracts.users import FollowState, Users
from services.users.derivation import Pair
from tests.chaos.buyers import GIVES_UP_AFTER_S, backoffs

# Between two wishes, on average.
THINKS_S = 0.04


@dataclass
class Fan:
    """One client. It wishes for any of these pairs that it be, or be no more."""

    users: Users
    pairs: Sequence[Pair]
    luck: random.Random
    acknowledged: list[FollowState] = field(default_factory=list)
    # What was asked for without an answer, and may have been done: a pair, and whether to follow.
    unanswered: set[tuple[Pair, bool]] = field(default_factory=set)
    setbacks: Counter[str] = field(default_factory=Counter)
    longest_wait_s: float = 0.0

    def click(self, is_closed: Callable[[float], bool]) -> None:
        """Wish for one thing after the other until it is closed. is_closed: waits up to so many seconds for the end."""
        while not is_closed(self.luck.uniform(0, 2 * THINKS_S)):
            self.insist(self.luck.choice(self.pairs), self.luck.random() < 0.5)

    def insist(self, pair: Pair, wanted: bool) -> None:
        """Ask until it is acknowledged. Fails past GIVES_UP_AFTER_S, and on any error that does not say to come back."""
        begun = time.monotonic()
        for backoff_s in backoffs(self.luck):
            try:
                self.acknowledged.append(self._ask(pair, wanted))
            except Unavailable as error:
                self.setbacks[error.code] += 1
                self.unanswered.add((pair, wanted))
                assert time.monotonic() - begun < GIVES_UP_AFTER_S, f"no answer within {GIVES_UP_AFTER_S} s: {error}"
                time.sleep(backoff_s)
            else:
                self.longest_wait_s = max(self.longest_wait_s, time.monotonic() - begun)
                return

    def _ask(self, pair: Pair, wanted: bool) -> FollowState:
        ask = self.users.follow if wanted else self.users.unfollow
        return ask(user_id=pair[0], creator_id=pair[1])
