"""Profiles with their counts, through the cache: one entry a person, since a page of people shows both.

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

PERSON = "person"
LIFE_S = 300.0


class People:
    def __init__(self, accounts: Accounts, lists: Lists, cache: Cache) -> None:
        self._accounts = accounts
        self._lists = lists
        self._people = ReadThrough(cache, PERSON, Profile, LIFE_S, self._load)

    def profiles(self, user_ids: Sequence[str]) -> list[Profile]:
        """Of those that there are, in the order asked, each once."""
        found = self._people.get(list(dict.fromkeys(user_ids)))
        return [found[user_id] for user_id in dict.fromkeys(user_ids) if user_id in found]

    def fresh_profiles(self, user_ids: Sequence[str]) -> list[Profile]:
        """The same past the cache, which learns of a change after those who hear its event."""
        found = self._load(user_ids)
        return [found[user_id] for user_id in dict.fromkeys(user_ids) if user_id in found]

    def page(self, after: str | None, size: int) -> list[Profile]:
        """Of everybody behind this id, by id, fresh."""
        return self._counted(self._accounts.page(after, size))

    def _counted(self, users: Sequence[User]) -> list[Profile]:
        counts = self._lists.counts([user.id for user in users]) if users else {}
        return [_with_counts(profile_of(user), counts[user.id]) for user in users]

    def _load(self, user_ids: Sequence[str]) -> dict[str, Profile]:
        users = self._accounts.get_many(user_ids)
        return {profile.user_id: profile for profile in self._counted(list(users.values()))}


def _with_counts(profile: Profile, counts: Counts) -> Profile:
    return msgspec.structs.replace(profile, follower_count=counts.followers, following_count=counts.following)
