"""Going through the books."""

import uuid
from typing import cast

import pytest

from cli.commands.reconcile import check_all, check_one, what_is_wrong
from services.contracts.errors import NotFound
from services.contracts.orders import Finding, Orders, Reconciliation

A, B = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


def book(drop_id: str, **changes: int) -> Finding:
    values = {
        "total": 10,
        "available": 7,
        "held": 1,
        "sold": 2,
        "held_by_orders": 1,
        "sold_by_orders": 2,
        "version": 5,
        "audited_version": 5,
    }
    return Finding(drop_id, **{**values, **changes})


class Books:
    """Pages as the service gives them; every book is a finding."""

    def __init__(self, *drop_ids: str, page: int = 100) -> None:
        self._drop_ids = sorted(drop_ids)
        self._page = page

    def reconcile(self, *, after: str | None = None, first: int = 100) -> Reconciliation:
        first = min(first, self._page)
        page = [drop_id for drop_id in self._drop_ids if after is None or drop_id > after][:first]
        return Reconciliation(len(page), [book(drop_id) for drop_id in page], page[-1] if len(page) == first else None)


def orders(*drop_ids: str, page: int = 100) -> Orders:
    return cast(Orders, Books(*drop_ids, page=page))


def test_all_pages_are_checked() -> None:
    result = check_all(orders(A, B, LAST, page=1))
    assert (result.checked, [finding.drop_id for finding in result.findings]) == (3, [A, B, LAST])


@pytest.mark.parametrize("drop_id", [A, B, LAST, "00000000-0000-0000-0000-000000000001"])
def test_one_book_is_checked_alone(drop_id: str) -> None:
    result = check_one(orders(A, B, LAST, "00000000-0000-0000-0000-000000000001"), uuid.UUID(drop_id))
    assert (result.checked, [finding.drop_id for finding in result.findings]) == (1, [drop_id])


@pytest.mark.parametrize("drop_id", [A, LAST, str(uuid.UUID(int=0))])
def test_a_drop_without_a_book_is_not_found(drop_id: str) -> None:
    with pytest.raises(NotFound):
        check_one(orders(B), uuid.UUID(drop_id))


def test_a_balanced_book_has_nothing_wrong() -> None:
    assert list(what_is_wrong(book(A))) == []


def test_what_is_wrong_is_told_in_words() -> None:
    wrong = list(what_is_wrong(book(A, available=-1, sold=5, held=2, version=6)))
    assert wrong == [
        "total is 10, its parts are 6",
        "1 oversold",
        "held is off by +1",
        "sold is off by +3",
        "a change is not audited (version 6, audited 5)",
    ]
