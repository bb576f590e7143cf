"""Many ids, few calls."""

import pytest

from gateway.loaders import LARGEST_BATCH, Loader
from services.contracts.errors import Unavailable


class Source:
    """Knows these ids, and notes what it is asked for."""

    def __init__(self, known: str = "") -> None:
        self.known = known
        self.asked: list[list[str]] = []

    def __call__(self, ids: list[str]) -> dict[str, str]:
        self.asked.append(sorted(ids))
        return {one: one.upper() for one in ids if one in self.known}


def test_the_first_brings_all_that_are_expected() -> None:
    source = Source("abc")
    loader = Loader(source)
    loader.expect("abc")
    assert [loader.load(one) for one in "abcab"] == ["A", "B", "C", "A", "B"]
    assert source.asked == [["a", "b", "c"]]


def test_nobody_is_asked_for_what_is_only_expected() -> None:
    source = Source("ab")
    Loader(source).expect("ab")
    assert source.asked == []


def test_what_there_is_not_is_asked_for_once() -> None:
    source = Source()
    loader = Loader(source)
    assert (loader.load("a"), loader.load("a")) == (None, None)
    assert source.asked == [["a"]]


def test_what_is_known_already_is_not_asked_for() -> None:
    source = Source("ab")
    loader = Loader(source)
    loader.remember("a", "told elsewhere")
    loader.expect("ab")
    assert (loader.load("a"), loader.load("b")) == ("told elsewhere", "B")
    assert source.asked == [["b"]]


def test_what_has_changed_is_asked_for_again() -> None:
    source = Source("a")
    loader = Loader(source)
    loader.load("a")
    loader.forget("a")
    loader.load("a")
    assert source.asked == [["a"], ["a"]]


def test_no_batch_is_larger_than_an_rpc_takes() -> None:
    source = Source()
    loader, ids = Loader(source), [str(number) for number in range(2 * LARGEST_BATCH + 1)]
    loader.expect(ids)
    for one in ids:
        loader.load(one)
    assert [len(batch) for batch in source.asked] == [LARGEST_BATCH, LARGEST_BATCH, 1]


def test_a_failure_is_told_to_all_and_not_asked_for_again() -> None:
    asked: list[list[str]] = []

    def fail(ids: list[str]) -> dict[str, str]:
        asked.append(ids)
        raise Unavailable()

    loader = Loader(fail)
    loader.expect("ab")
    for one in "aba":
        with pytest.raises(Unavailable):
            loader.load(one)
    assert len(asked) == 1
