"""How an import goes on: batches in order, a checkpoint behind the last finished one, errors by line."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from cli.catalogue.creators import Creators
from cli.catalogue.files import Entry, Fault, Listing
from cli.catalogue.importing import Checkpoint, Import, Journal, Tally, Terms, patiently
from services.contracts.errors import EmailTaken, InvalidInput, Unavailable
from services.contracts.products import Imported, ImportedProduct, ImportOutcome, Products
from services.contracts.values import Money

CREATOR = "00000000-0000-4000-8000-000000000abc"


class Shop:
    """Remembers ids, and keeps the first call waiting until a later one was answered."""

    def __init__(self) -> None:
        self.ids = set[str]()
        self._later = threading.Event()
        self._calls = 0

    def import_products(self, *, products: Sequence[ImportedProduct]) -> list[Imported]:
        self._calls += 1
        if self._calls == 1:
            self._later.wait(0.2)
        else:
            self._later.set()
        answers = [
            Imported(each.product_id, ImportOutcome.UNCHANGED if each.product_id in self.ids else ImportOutcome.CREATED)
            for each in products
        ]
        self.ids |= {each.product_id for each in products}
        return answers


def entry(line: int, **changes: Any) -> Entry:
    return Entry(line, Listing(**{"name": "Mug", "price": Money(1, "EUR"), "id": f"p{line}", "creator": CREATOR, **changes}))


def work(shop: Shop, checkpoint: Checkpoint | None = None, creators: Creators | None = None, **terms: int) -> tuple[Import, list[Any]]:
    told: list[Any] = []
    at = checkpoint or Checkpoint("key", datetime.now(UTC))
    made = Import(cast(Products, shop), creators or Creators(None, None), at, Terms(**terms), told.append, told.append)
    return made, told


def test_checkpoints_come_in_the_order_of_the_lines_whichever_batch_ends_first() -> None:
    importing, _ = work(Shop(), batch=2, at_once=3)
    seen = [checkpoint.line for checkpoint in importing.run([entry(line) for line in range(1, 8)])]
    assert seen == [2, 4, 6, 7, 7]
    assert importing.checkpoint.finished
    assert importing.checkpoint.tally == Tally(created=7)


def test_an_import_again_finds_what_is_there() -> None:
    shop = Shop()
    lines = [entry(line) for line in range(1, 6)]
    list(work(shop)[0].run(lines))
    importing, _ = work(shop)
    list(importing.run(lines))
    assert importing.checkpoint.tally == Tally(unchanged=5)


def test_lines_left_out_are_told_in_order_and_the_rest_is_imported() -> None:
    importing, told = work(Shop())
    lines: list[Entry | Fault] = [entry(1), Fault(2, "name", "wrong"), entry(3, creator="a studio"), entry(4, creator=None), entry(5)]
    list(importing.run(lines))
    faults = [each for each in told if isinstance(each, Fault)]
    assert [(fault.line, fault.field) for fault in faults] == [(2, "name"), (3, "creator"), (4, "creator")]
    assert importing.checkpoint.tally == Tally(created=2, errors=3)


def test_too_many_wrong_lines_end_it_behind_the_last_good_batch() -> None:
    importing, told = work(Shop(), batch=2, max_errors=1)
    lines: list[Entry | Fault] = [entry(1), Fault(2, "", "wrong"), Fault(3, "", "wrong"), Fault(4, "", "wrong"), entry(5), entry(6)]
    with pytest.raises(InvalidInput, match="More than 1 lines"):
        list(importing.run(lines))
    assert (importing.checkpoint.line, importing.checkpoint.finished) == (2, False)
    assert told[-1] == importing.checkpoint


def test_a_service_that_comes_back_is_asked_again_and_one_that_does_not_is_told() -> None:
    answers = iter([Unavailable(), Unavailable(), None])

    def ask() -> str:
        error = next(answers)
        if error:
            raise error
        return "here"

    def never() -> str:
        raise Unavailable

    assert patiently(ask, pause_s=0) == "here"
    with pytest.raises(Unavailable):
        patiently(never, tries=3, pause_s=0)


def test_a_creator_is_made_once_whoever_asks() -> None:
    made: list[tuple[str, str]] = []

    def sign_up(key: str, name: str) -> str:
        made.append((key, name))
        return CREATOR

    creators = Creators(None, sign_up)
    lines = [entry(line, creator="studio", creator_name="Studio Świt") for line in range(1, 5)]
    importing, _ = work(Shop(), creators=creators, batch=1)
    list(importing.run(lines))
    assert made == [("studio", "Studio Świt")]
    assert creators.count == 1


def test_a_creator_who_could_not_be_made_is_tried_again() -> None:
    answers: list[Exception | str] = [Unavailable(), CREATOR]

    def sign_up(key: str, name: str) -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    creators = Creators(None, sign_up)
    with pytest.raises(Unavailable):
        creators.of(entry(1, creator="studio"))
    assert creators.of(entry(1, creator="studio")) == CREATOR


def test_a_creator_who_was_made_otherwise_is_an_error_of_the_line() -> None:
    def taken(key: str, name: str) -> str:
        raise EmailTaken

    fault = Creators(None, taken).of(entry(3, creator="studio"))
    assert isinstance(fault, Fault)
    assert (fault.line, fault.field) == (3, "creator")


def test_the_creator_of_all_is_nobody_else() -> None:
    assert Creators("x", None).of(entry(1, creator="whoever")) == "x"


class TestJournal:
    def test_an_import_goes_on_where_it_was_kept(self, tmp_path: Path) -> None:
        journal, kept = Journal(tmp_path / "a"), Checkpoint("key", datetime(2026, 1, 1, tzinfo=UTC), 40, Tally(created=39, errors=1))
        journal.keep(kept)
        assert journal.begin("key", restart=False) == kept

    @pytest.mark.parametrize(("key", "restart", "finished"), [("other", False, False), ("key", True, False), ("key", False, True)])
    def test_another_file_a_finished_one_and_a_wish_begin_anew(self, tmp_path: Path, key: str, restart: bool, finished: bool) -> None:
        journal = Journal(tmp_path / "a")
        journal.keep(Checkpoint("key", datetime(2026, 1, 1, tzinfo=UTC), 40, finished=finished))
        assert journal.begin(key, restart).line == 0

    def test_a_damaged_journal_is_no_journal(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("{")
        assert Journal(tmp_path / "a").begin("key", restart=False).line == 0
