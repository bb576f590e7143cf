"""An import of a catalogue: batches through the products service, several at once, resumed from a checkpoint behind the last finished one.

Ids are derived from the creator and the catalogue's own, so an import that is repeated, or killed at any line, makes nothing twice.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec

from cli.catalogue.creators import Creators
from cli.catalogue.files import Entry, Fault, ListedDrop
from services.contracts.errors import Conflict, InvalidInput, Unavailable
from services.contracts.products import ImportedProduct, ImportOutcome, NewDrop, Products
from services.kernel import calls, ids

# What one call of import_products takes.
MOST_A_BATCH = 200
# An unloaded service answers a full batch in 0.1 s; past this, something is wrong, and the call is repeated.
CALL_S = 30.0
# A service that restarts is back in some seconds: 0.5, 1, 2, 4 and 8 s are waited.
TRIES, FIRST_PAUSE_S = 6, 0.5
KEEP_EVERY_S = 1.0
Answer = TypeVar("Answer")


class Tally(msgspec.Struct, frozen=True):
    """What became of the lines: products that are new, that there were; drops that are new, that there were; lines left out."""

    created: int = 0
    unchanged: int = 0
    drops: int = 0
    drops_known: int = 0
    errors: int = 0

    @property
    def products(self) -> int:
        return self.created + self.unchanged

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))


class Checkpoint(msgspec.Struct, frozen=True):
    """How far an import is. key: of the file. line: the last of the last finished batch, with all before it."""

    key: str
    started_at: datetime
    line: int = 0
    tally: Tally = Tally()
    finished: bool = False


class Journal:
    """The file that a checkpoint is kept in, written anew and then put in its place: a kill leaves the old one or the new one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, key: str, restart: bool) -> Checkpoint:
        """Where an import of the file of that key goes on; at its beginning where it was finished, or never begun."""
        fresh = Checkpoint(key, datetime.now(UTC))
        if restart or not self._path.exists():
            return fresh
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=Checkpoint)
        except msgspec.DecodeError:
            return fresh
        return kept if kept.key == key and not kept.finished else fresh

    def keep(self, checkpoint: Checkpoint) -> None:
        part = self._path.with_name(f"{self._path.name}.part")
        part.write_bytes(msgspec.json.encode(checkpoint))
        part.replace(self._path)


@dataclass(frozen=True)
class Terms:
    """batch: lines at a time. at_once: batches under way. max_errors: one more ends the import."""

    batch: int = MOST_A_BATCH
    at_once: int = 4
    max_errors: int = 1_000


@dataclass(frozen=True)
class Done:
    """A finished batch: its last line, what became of it, and what was left out."""

    line: int
    tally: Tally
    faults: list[Fault]


class Import:
    """One import, from its checkpoint on."""

    def __init__(
        self, products: Products, creators: Creators, checkpoint: Checkpoint, terms: Terms, keep: Callable[[Checkpoint], None],
        report: Callable[[Fault], None],
    ) -> None:  # fmt: skip
        """keep: is told the checkpoint, at most once a second and at the end. report: is told each line that is left out."""
        self._products = products
        self._creators = creators
        self._terms = terms
        self._keep = keep
        self._report = report
        self._kept_at = 0.0
        self.checkpoint = checkpoint

    def run(self, lines: Iterable[Entry | Fault]) -> Iterator[Checkpoint]:
        """Import lines, which begin behind the checkpoint's. Yields the checkpoint of each finished batch, in order, and of the end.

        Raises InvalidInput past max_errors, and LiveDropsError where a batch fails each time it is tried.
        """
        rest, under_way = iter(lines), deque[Future[Done]]()
        with ThreadPoolExecutor(self._terms.at_once, "import") as workers:
            try:
                while batch := list(islice(rest, self._terms.batch)):
                    under_way.append(workers.submit(self._take, batch))
                    if len(under_way) > self._terms.at_once:
                        yield self._advance(under_way.popleft().result())
                while under_way:
                    yield self._advance(under_way.popleft().result())
            finally:
                for each in under_way:
                    each.cancel()
                self._keep(self.checkpoint)
        self.checkpoint = msgspec.structs.replace(self.checkpoint, finished=True)
        self._keep(self.checkpoint)
        yield self.checkpoint

    def _advance(self, done: Done) -> Checkpoint:
        left = self._terms.max_errors - self.checkpoint.tally.errors
        for fault in done.faults[: max(0, left) + 1]:
            self._report(fault)
        if len(done.faults) > left:
            raise InvalidInput(f"More than {self._terms.max_errors} lines are wrong; it goes on behind line {self.checkpoint.line}.")
        self.checkpoint = msgspec.structs.replace(self.checkpoint, line=done.line, tally=self.checkpoint.tally + done.tally)
        if time.monotonic() - self._kept_at > KEEP_EVERY_S:
            self._keep(self.checkpoint)
            self._kept_at = time.monotonic()
        return self.checkpoint

    # In threads from here on.

    def _take(self, batch: Sequence[Entry | Fault]) -> Done:
        faults = [each for each in batch if isinstance(each, Fault)]
        owned, tally = list[tuple[Entry, ImportedProduct]](), Tally()
        for entry in batch:
            if isinstance(entry, Entry):
                creator = patiently(partial(self._creators.of, entry))
                if isinstance(creator, Fault):
                    faults.append(creator)
                else:
                    owned.append((entry, ImportedProduct(_product_id(creator, entry), creator, entry.listing.product)))
        if owned:
            tally = self._import(owned, faults)
        faults.sort(key=lambda fault: fault.line)
        return Done(batch[-1].line, tally + Tally(errors=len(faults)), faults)

    def _import(self, owned: Sequence[tuple[Entry, ImportedProduct]], faults: list[Fault]) -> Tally:
        answers = patiently(lambda: self._products.import_products(products=[product for _, product in owned]))
        tally = Tally()
        for (entry, product), answer in zip(owned, answers, strict=True):
            if answer.outcome is ImportOutcome.REFUSED:
                faults.append(Fault(entry.line, "id", f"{answer.code}: another product has this id"))
                continue
            new = answer.outcome is ImportOutcome.CREATED
            tally += Tally(created=int(new), unchanged=int(not new))
            if entry.listing.drop:
                tally += self._schedule(entry.line, product.product_id, entry.listing.drop, faults)
        return tally

    def _schedule(self, line: int, product_id: str, listed: ListedDrop, faults: list[Fault]) -> Tally:
        drop = drop_of(listed, self.checkpoint.started_at)
        drop_id = ids.derived_id("catalogue drop", product_id)
        known = patiently(lambda: self._products.get_drops(drop_ids=[drop_id]))
        try:
            patiently(lambda: self._products.schedule_drop(drop_id=drop_id, product_id=product_id, drop=drop))
        except Conflict as error:
            # An import of another day counted its seconds from another moment: the drop is there.
            if listed.starts_in_s is None and listed.ends_in_s is None:
                faults.append(Fault(line, "drop", f"{error.code}: {error.message}"))
                return Tally()
        except InvalidInput as error:
            faults.append(Fault(line, f"drop.{error.data.get('field', '')}".rstrip("."), f"{error.code}: {error.message}"))
            return Tally()
        return Tally(drops=int(not known), drops_known=len(known))


def drop_of(listed: ListedDrop, begun_at: datetime) -> NewDrop:
    """The drop of a line, whose seconds count from the beginning of the import."""
    starts_at = listed.starts_at or begun_at + timedelta(seconds=listed.starts_in_s or 0)
    ends_at = listed.ends_at or begun_at + timedelta(seconds=listed.ends_in_s or 0)
    return NewDrop(starts_at, ends_at, listed.stock, listed.per_user_limit)


def patiently(ask: Callable[[], Answer], tries: int = TRIES, pause_s: float = FIRST_PAUSE_S) -> Answer:
    """What a service answers, tried again while it is away. Raises what it says in the end."""
    for left in reversed(range(tries)):
        try:
            with calls.under(calls.begin(CALL_S)):
                return ask()
        except Unavailable:
            if not left:
                raise
        time.sleep(pause_s * random.uniform(0.5, 1))
        pause_s *= 2
    raise AssertionError("unreachable")


def _product_id(creator_id: str, entry: Entry) -> str:
    # A product without an id of its own is known by its line: files that are only added to keep theirs.
    return ids.derived_id("catalogue product", creator_id, entry.listing.id or f"line {entry.line}")
