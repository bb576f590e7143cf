"""What the indexer does with events, one function a use case. An event says where to look; what is written is what the services say then."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.contracts.errors import Unavailable
from services.contracts.events import Event
from services.contracts.search import SearchKind
from services.kernel.event_entrypoint import Hold, held
from services.search import domain
from services.search.reading import PAGE, Sources
from services.search.reindexing import Rebuilder
from services.search.store import Writer

# A creator's followers are counted again this long after the first of some follows: all that come meanwhile are in, and users, which tells
# of a follow before it counts it, has counted.
SETTLED_AFTER_S = 2.0
# Creators whose followers wait to be counted; more wait in the queue.
MOST_WAITING = 50_000
_OF_STOCK = ("drop.sold_out", "drop.restocked")


@dataclass
class Popularity:
    """Whose followers have changed, and how many what they sell was last told. Lost with the process: the next follow tells it again."""

    due: dict[str, float] = field(default_factory=dict)
    told: OrderedDict[str, int] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, creator_ids: Iterable[str]) -> None:
        """Raises Hold where too many wait."""
        with self.lock:
            if len(self.due) > MOST_WAITING:
                raise Hold("Too many creators wait for their followers to be counted.")
            for creator_id in creator_ids:
                self.due.setdefault(creator_id, time.monotonic() + SETTLED_AFTER_S)

    def take(self, most: int) -> list[str]:
        """Some whose time has come; they are in the order in which they came."""
        with self.lock:
            ready: list[str] = []
            for creator_id, due in self.due.items():
                if due > time.monotonic() or len(ready) == most:
                    break
                ready.append(creator_id)
            for creator_id in ready:
                del self.due[creator_id]
        return ready

    def should_tell(self, creator_id: str, indexed: int, followers: int) -> bool:
        """Whether what this creator sells is to be told, which counts as done then. indexed: what the index said before."""
        with self.lock:
            before = self.told.setdefault(creator_id, indexed)
            grown = domain.has_grown_apart(before, followers)
            if grown:
                self.told[creator_id] = followers
            while len(self.told) > MOST_WAITING:
                self.told.popitem(last=False)
        return grown


@dataclass(frozen=True)
class Indexer:
    """What the use cases work with."""

    sources: Sources
    writer: Writer
    popularity: Popularity
    rebuilder: Rebuilder


def index_things(indexer: Indexer, events: Sequence[Event]) -> None:
    """Products and drops of which something has changed. A product's tags and description are in its drops, too. Raises Hold."""
    products = {event.data["product"]["id"] for event in events if event.type.startswith("product.")}
    drops = {_drop_of(event) for event in events if event.type.startswith("drop.")}
    with held():
        indexer.writer.put(indexer.sources.product_documents(products) + indexer.sources.drop_documents(drops))
        for product_id in {event.data["product"]["id"] for event in events if event.type == "product.changed"}:
            for page, _ in indexer.sources.all_drops(product_id=product_id):
                indexer.writer.put(indexer.sources.of_drops(page))


def _drop_of(event: Event) -> str:
    drop_id: str = event.data["drop_id"] if event.type in _OF_STOCK else event.data["drop"]["id"]
    return drop_id


def index_people(indexer: Indexer, events: Sequence[Event]) -> None:
    """Creators who have changed, and what they sell, which bears their name. Raises Hold."""
    people = {event.data["user_id"] for event in events if not _is_a_new_fan(event)}
    with held():
        indexer.writer.put(indexer.sources.creator_documents(people))
        for user_id in people:
            index_sold_by(indexer, user_id)


def _is_a_new_fan(event: Event) -> bool:
    data = event.data
    return event.type == "user.changed" and not data["is_creator"] and data["version"] <= domain.FIRST_VERSION


def index_sold_by(indexer: Indexer, creator_id: str) -> None:
    for products, _ in indexer.sources.all_products(creator_id):
        indexer.writer.put(indexer.sources.of_products(products))
    for drops, _ in indexer.sources.all_drops(creator_id):
        indexer.writer.put(indexer.sources.of_drops(drops))


def note_followers(indexer: Indexer, events: Sequence[Event]) -> None:
    """Raises Hold."""
    indexer.popularity.note(event.data["creator_id"] for event in events)


def count_followers(indexer: Indexer) -> int:
    """Write how many followers those have whose number has changed. How many creators those were. Raises Unavailable: they are noted again."""
    creators = indexer.popularity.take(PAGE)
    if not creators:
        return 0
    try:
        before = indexer.writer.sources([domain.key(SearchKind.CREATOR, creator_id) for creator_id in creators])
        documents = indexer.sources.creator_documents(creators)
        indexer.writer.put(documents)
        for document in documents:
            indexed = before.get(document.id, {}).get("followers", 0)
            if not document.source["deleted"] and indexer.popularity.should_tell(
                document.source["id"], indexed, document.source["followers"]
            ):
                index_sold_by(indexer, document.source["id"])
    except Unavailable:
        indexer.popularity.note(creators)
        raise
    return len(creators)
