"""Batching for resolvers that run one after another, kept for one request.

Who resolves a list says first which ids are about to be asked for; the first of them then brings them all. So a page costs one
RPC of each kind, however many people are on it, and none of a kind that nobody asks for.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from services.contracts.errors import LiveDropsError
from services.contracts.users import Profile, Users
from services.kernel.calls import Viewer

T = TypeVar("T")
# As many as one RPC takes (UserIds in the contract).
LARGEST_BATCH = 100


class Loader(Generic[T]):
    """Brings values by id. fetch: given 1 to LARGEST_BATCH ids, the values of those that there are."""

    def __init__(self, fetch: Callable[[list[str]], Mapping[str, T]]) -> None:
        self._fetch = fetch
        self._expected: set[str] = set()
        self._known: dict[str, T | None] = {}
        self._failed: dict[str, LiveDropsError] = {}

    def expect(self, ids: Iterable[str]) -> None:
        """These are about to be asked for. Asks nobody yet."""
        self._expected.update(ids)

    def load(self, id: str) -> T | None:
        """The value, None where there is none. Raises what the RPC for it raised, once more for each id that was in it."""
        if id in self._failed:
            raise self._failed[id]
        if id not in self._known:
            self._bring(id)
        return self._known[id]

    def remember(self, id: str, value: T | None) -> None:
        """What another RPC of this request has told."""
        self._known[id] = value

    def _bring(self, id: str) -> None:
        """This one, and with it as many of the expected ones as one RPC takes; the others come when they are asked for."""
        others = [other for other in self._expected if other != id and other not in self._known]
        batch = [id, *others[: LARGEST_BATCH - 1]]
        self._expected.difference_update(batch)
        try:
            found = self._fetch(batch)
        except LiveDropsError as error:
            self._failed.update(dict.fromkeys(batch, error))  # or each of a page's people would ask, and wait, once more
            raise
        self._known.update({one: found.get(one) for one in batch})


class Loaders:
    """Those of one request. follows: whether the viewer follows a person; None for everybody when nobody is signed in."""

    def __init__(self, users: Users, viewer: Viewer | None) -> None:
        self.profiles: Loader[Profile] = Loader(lambda ids: {one.user_id: one for one in users.get_profiles(user_ids=ids)})
        self.follows: Loader[bool] = Loader(lambda ids: _follows(users, viewer, ids))


def _follows(users: Users, viewer: Viewer | None, ids: list[str]) -> dict[str, bool]:
    if viewer is None:
        return {}
    return dict(zip(ids, users.are_following(user_id=viewer.id, creator_ids=ids), strict=True))
