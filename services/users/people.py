"""Profiles and counts, through the cache.

The change-stream reader drops what changed, so an entry is never older than the stream's lag; should the reader be unable to reach a Redis
that others reach, never older than its life.
"""

from collections.abc import Sequence

import msgspec

from services.contracts.users import Profile, User
from services.kernel.cache import Cache
from services.kernel.read_through import ReadThrough
from services.users.domain import profile_of
from services.users.lists import Counts, Lists
from services.users.store import Accounts

PROFILES, COUNTS = "profile", "counts"
LIFE_S = 300.0


class People:
    def __init__(self, accounts: Accounts, lists: Lists, cache: Cache) -> None:
        self._accounts = accounts
        self._lists = lists
        self._profiles = ReadThrough(cache, PROFILES, Profile, LIFE_S, self._load)
        self._counts = ReadThrough(cache, COUNTS, Counts, LIFE_S, lists.counts)

    def profiles(self, user_ids: Sequence[str]) -> list[Profile]:
        """Of those that there are, in the order asked, each once."""
        wanted = list(dict.fromkeys(user_ids))
        profiles = self._profiles.get(wanted)
        counts = self._counts.get([user_id for user_id in wanted if user_id in profiles])
        return [_with_counts(profiles[user_id], counts[user_id]) for user_id in wanted if user_id in profiles]

    def fresh_profiles(self, user_ids: Sequence[str]) -> list[Profile]:
        """The same past the cache, which learns of a change after those who hear its event."""
        wanted = list(dict.fromkeys(user_ids))
        found = self._accounts.get_many(wanted)
        return self._counted([found[user_id] for user_id in wanted if user_id in found])

    def page(self, after: str | None, size: int) -> list[Profile]:
        """Of everybody behind this id, by id, fresh."""
        return self._counted(self._accounts.page(after, size))

    def _counted(self, users: Sequence[User]) -> list[Profile]:
        counts = self._lists.counts([user.id for user in users]) if users else {}
        return [_with_counts(profile_of(user), counts[user.id]) for user in users]

    def _load(self, user_ids: Sequence[str]) -> dict[str, Profile]:
        return {user_id: profile_of(user) for user_id, user in self._accounts.get_many(user_ids).items()}


def _with_counts(profile: Profile, counts: Counts) -> Profile:
    return msgspec.structs.replace(profile, follower_count=counts.followers, following_count=counts.following)
