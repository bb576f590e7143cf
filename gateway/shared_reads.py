"""Reads that a crowd asks for at once, put to users once: a celebrity's page is the same for everybody who opens it in the same moment.

Who asks joins a question that has not been sent yet, never one under way: so nobody gets an answer that is older than their request. What is
read this way is the same for everybody, signed in or not.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager

import msgspec

from services.contracts.users import FollowPage, Profile, Users
from services.kernel import calls
from services.kernel.batching import Batcher

# A read that takes longer than this has nobody waiting for it any more.
READ_TIMEOUT_S = 3.0
# One question on its way, and one that gathers who came meanwhile: a second flight would only make each serve fewer.
FLIGHTS = 1
# Above the number of threads of a gateway: the threads are the bound.
CAPACITY = 2_000
# As many ids as one RPC takes (UserIds in the contract).
LARGEST_BATCH = 100


class _Page(msgspec.Struct, frozen=True):
    """Which page of whose followers."""

    creator_id: str
    first: int
    after: str | None
    profiles: bool


class SharedReads:
    def __init__(self, users: Users) -> None:
        self._users = users
        self._pages: Batcher[_Page, None, FollowPage] = Batcher(self._bring_page, largest=CAPACITY, flights=FLIGHTS, capacity=CAPACITY)
        self._people: Batcher[str, str, Profile | None] = Batcher(
            self._bring_people, largest=LARGEST_BATCH, flights=FLIGHTS, capacity=CAPACITY
        )

    def list_followers(self, *, creator_id: str, first: int, after: str | None, profiles: bool) -> FollowPage:
        """As Users.list_followers."""
        return self._pages.submit(_Page(creator_id, first, after, profiles), None, calls.current().remaining_s())

    def get_profiles(self, *, user_ids: list[str]) -> list[Profile]:
        """As Users.get_profiles. One alone travels with those that others ask for; many fill a call of their own."""
        if len(user_ids) > 1:
            return self._users.get_profiles(user_ids=user_ids)
        profile = self._people.submit("", user_ids[0], calls.current().remaining_s())
        return [profile] if profile else []

    def waiting(self) -> int:
        """How many are inside, asked or about to be."""
        return self._pages.callers() + self._people.callers()

    def _bring_page(self, page: _Page, askers: Sequence[None]) -> list[FollowPage]:
        with _own_call():
            found = self._users.list_followers(creator_id=page.creator_id, first=page.first, after=page.after, profiles=page.profiles)
        return [found] * len(askers)

    def _bring_people(self, _key: str, user_ids: Sequence[str]) -> list[Profile | None]:
        with _own_call():
            found = {one.user_id: one for one in self._users.get_profiles(user_ids=list(dict.fromkeys(user_ids)))}
        return [found.get(user_id) for user_id in user_ids]


def _own_call() -> AbstractContextManager[calls.Call]:
    """The gateway's own call, for all who wait: with the full time of a read, since one of them may have little left."""
    return calls.under(calls.begin(READ_TIMEOUT_S, calls.correlation_id()))
