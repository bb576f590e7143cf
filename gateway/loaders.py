"""Batching for resolvers that run one after another, kept for one request.

Who resolves a list says first which ids are about to be asked for; the first of them then brings them all. So a page costs one
RPC of each kind, however many people are on it, and none of a kind that nobody asks for.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, Protocol, TypeVar

from gateway.live_stocks import LiveStocks
from gateway.shared_reads import SharedReads
from services.contracts.errors import LiveDropsError
from services.contracts.media import MediaFile
from services.contracts.notifications import Notifications
from services.contracts.orders import Stock
from services.contracts.products import Drop, Product, Products
from services.contracts.users import Profile, Users
from services.kernel.calls import Viewer
from services.kernel.drop_cards import DropCards

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

    def forget(self, id: str) -> None:
        """This has changed: it is asked for again."""
        self._known.pop(id, None)
        self._failed.pop(id, None)

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


class Sources(Protocol):
    """Who is asked: the parts of a gateway that loaders need."""

    users: Users
    shared_reads: SharedReads
    products: Products
    notifications: Notifications
    cards: DropCards
    stocks: LiveStocks


class Loaders:
    """Those of one request. drops: what products says of them.

    follows: whether the viewer follows a person; reminders: whether they asked to be reminded of a drop; None when nobody is signed in.
    """

    def __init__(self, sources: Sources, viewer: Viewer | None) -> None:
        self.profiles: Loader[Profile] = Loader(lambda ids: {one.user_id: one for one in sources.shared_reads.get_profiles(user_ids=ids)})
        self.follows: Loader[bool] = Loader(
            lambda ids: _of_viewer(viewer, ids, lambda who: sources.users.are_following(user_id=who, creator_ids=ids))
        )
        self.reminders: Loader[bool] = Loader(
            lambda ids: _of_viewer(viewer, ids, lambda who: sources.notifications.are_reminded(user_id=who, drop_ids=ids))
        )
        self.products: Loader[Product] = Loader(lambda ids: {one.id: one for one in sources.products.get_products(product_ids=ids)})
        self.files: Loader[MediaFile] = Loader(lambda ids: {one.id: one for one in sources.products.get_media(media_ids=ids)})
        self.drops: Loader[Drop] = Loader(lambda ids: sources.cards.get(ids))
        self.stocks: Loader[Stock] = Loader(lambda ids: sources.stocks.get(ids))


def _of_viewer(viewer: Viewer | None, ids: list[str], ask: Callable[[str], list[bool]]) -> dict[str, bool]:
    """What `ask` says of the signed-in person and each id; nothing when nobody is signed in."""
    return dict(zip(ids, ask(viewer.id), strict=True)) if viewer else {}
