"""What products says of a drop, as gateways keep it in Redis for a moment: read through by them, dropped by products when it changes."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from services.contracts import live
from services.contracts.products import Drop
from services.kernel.cache import Cache
from services.kernel.read_through import ReadThrough

FAMILY = "dropcard"
# No card is older than 30 s: a life may be a tenth longer than this, and what is filled in may have been read a claim's life (3 s) before.
LIFE_S = 24.0


class Card(msgspec.Struct, frozen=True):
    """drop: None where products knows no such drop, which is remembered, too: an operator's drop is looked at as often as others."""

    drop: Drop | None


class DropCards:
    """load: asks products for drops; answers those that there are."""

    def __init__(self, cache: Cache, load: Callable[[Sequence[str]], Iterable[Drop]]) -> None:
        self._cache = cache
        self._load = load
        self._cards = ReadThrough(cache, FAMILY, Card, LIFE_S, self._load_cards)

    def get(self, drop_ids: Sequence[str]) -> dict[str, Drop]:
        """Those that products knows. Raises what `load` raises."""
        return {drop_id: card.drop for drop_id, card in self._cards.get(drop_ids).items() if card.drop is not None}

    def forget(self, drop_ids: Iterable[str]) -> None:
        """These have changed."""
        forget(self._cache, drop_ids)

    def _load_cards(self, drop_ids: Sequence[str]) -> dict[str, Card]:
        found = {drop.id: drop for drop in self._load(drop_ids)}
        return {drop_id: Card(found.get(drop_id)) for drop_id in drop_ids}


def forget(cache: Cache, drop_ids: Iterable[str]) -> None:
    """Drop the cards of these, and let who watches them live look anew. Where Redis is away for us alone, others may see a card until its
    life ends."""
    changed = list(drop_ids)
    cache.drop(FAMILY, changed, [(live.drop(drop_id), b"") for drop_id in changed])
