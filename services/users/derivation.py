"""What follows of follows: the rules by which lists and counts are derived from changes. Pure.

The list is the anchor. A change moves a count only where it moves the list, so counts agree with lists whatever is told twice, late or out
of a repair; and a change that is older than what the list shows changes nothing, because each new follow of a pair has a later followed_at.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

# A follow: who, whom.
Pair = tuple[str, str]


@dataclass(frozen=True)
class Change:
    """One pair follows, or follows no more, since or having followed since followed_at."""

    user_id: str
    creator_id: str
    active: bool
    followed_at: datetime
    version: int

    @property
    def pair(self) -> Pair:
        return (self.user_id, self.creator_id)


@dataclass(frozen=True)
class Derivation:
    """What to do to the lists, and by how much counts change. An entry is a pair with its followed_at; removals come first."""

    removed: dict[Pair, datetime] = field(default_factory=dict)
    put: dict[Pair, datetime] = field(default_factory=dict)
    followers: Counter[str] = field(default_factory=Counter)
    following: Counter[str] = field(default_factory=Counter)

    def people(self) -> set[str]:
        """Whose counts change."""
        return {*self.followers, *self.following}


def edge_id(user_id: str, creator_id: str) -> str:
    """The _id of a follow."""
    return f"{user_id}:{creator_id}"


def pair_of(edge: str) -> Pair:
    """Who and whom, of a follow's _id."""
    user_id, _, creator_id = edge.partition(":")
    return user_id, creator_id


def derive(listed: Mapping[Pair, datetime], changes: Iterable[Change]) -> Derivation:
    """listed: what the lists show now of the pairs in question. changes: in their order."""
    wanted = dict(listed)
    for change in changes:
        shown = wanted.get(change.pair)
        if change.active and (shown is None or shown < change.followed_at):
            wanted[change.pair] = change.followed_at
        elif not change.active and shown is not None and shown <= change.followed_at:
            del wanted[change.pair]
    result = Derivation()
    for pair in listed.keys() | wanted.keys():
        _compare(result, pair, listed.get(pair), wanted.get(pair))
    return result


def _compare(result: Derivation, pair: Pair, shown: datetime | None, wanted: datetime | None) -> None:
    if shown == wanted:
        return
    user_id, creator_id = pair
    step = 0
    if shown is not None:
        result.removed[pair] = shown
        step -= 1
    if wanted is not None:
        result.put[pair] = wanted
        step += 1
    if step:
        result.followers[creator_id] += step
        result.following[user_id] += step
