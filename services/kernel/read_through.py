"""Cache-aside with one loader at a time for an entry.

A miss is claimed; who has the claim loads and fills, the others wait a moment for the entry and then load it for themselves. An entry
is dropped together with its claim by whoever learns of a change, so nothing older than that can be filled in afterwards.
"""

import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from services.kernel.cache import Cache

T = TypeVar("T")
Load = Callable[[Sequence[str]], Mapping[str, T]]
# A loader that died with its claim holds up nobody for longer than this.
CLAIM_S = 3.0
# The others look again so often, and wait so long: about what a load takes when the store is well.
LOOK_EVERY_S = 0.005
PATIENCE_S = 0.05
# Entries filled together do not end together.
JITTER = 0.1


class ReadThrough(Generic[T]):
    """Entries of one family.

    load: takes ids, answers what there is; an id without an answer is not remembered. None where each `get` brings its own.
    patience_s: how long the others wait for a loader before they load for themselves.
    """

    def __init__(
        self, cache: Cache, family: str, kind: type[T], life_s: float, load: Load[T] | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        self._cache = cache
        self._family = family
        self._decoder = msgspec.json.Decoder(kind)
        self._life_s = life_s
        self._load = load
        self._patience_s = patience_s

    def get(self, ids: Sequence[str], load: Load[T] | None = None) -> dict[str, T]:
        """What there is of these ids, from the cache or the store. Raises what `load` raises."""
        load = load or self._load
        assert load is not None
        known = self._look(ids)
        missing = [id for id in ids if id not in known]
        self._cache.count_looks(self._family, len(known), len(missing))
        if not missing:
            return known
        token = uuid.uuid4().hex
        claimed = [id for id, mine in zip(missing, self._cache.claim(self._family, missing, token, CLAIM_S), strict=True) if mine]
        if claimed:
            known |= self._load_and_fill(claimed, token, load)
        others = [id for id in missing if id not in claimed]
        return known | self._wait(others, load) if others else known

    def _load_and_fill(self, ids: Sequence[str], token: str, load: Load[T]) -> dict[str, T]:
        loaded = dict(load(ids))
        life_s = self._life_s * random.uniform(1 - JITTER, 1 + JITTER)
        self._cache.fill(self._family, {id: msgspec.json.encode(value) for id, value in loaded.items()}, token, life_s)
        if unknown := [id for id in ids if id not in loaded]:
            self._cache.drop(self._family, unknown)  # nobody need wait for the claim's end to learn the same
        return loaded

    def _wait(self, ids: Sequence[str], load: Load[T]) -> dict[str, T]:
        """What other loaders are bringing, or, where they take too long, what the store says."""
        deadline = time.monotonic() + self._patience_s
        known: dict[str, T] = {}
        missing = list(ids)
        while missing and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
            known |= self._look(missing)
            missing = [id for id in missing if id not in known]
        return known | dict(load(missing)) if missing else known

    def _look(self, ids: Sequence[str]) -> dict[str, T]:
        entries = self._cache.entries(self._family, ids)
        return {id: self._decoder.decode(entry) for id, entry in zip(ids, entries, strict=True) if entry is not None}
