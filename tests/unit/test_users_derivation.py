"""The rules by which lists and counts follow from changes, and how changes are read from the stream."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.errors import CannotFollowSelf
from services.contracts.users import Role, User
from services.users.changes import events_of, read
from services.users.derivation import Change, Derivation, Pair, derive, edge_id, pair_of
from services.users.domain import FOLDED_NAME_LENGTH, check_follow, folded_name

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
PEOPLE = ("ann", "bob")
CREATORS = ("cat", "dan")


def at(step: int) -> datetime:
    return BEGINNING + timedelta(milliseconds=step)


def history(choices: list[tuple[str, str]]) -> list[Change]:
    """Changes as the store makes them: each pair in turn follows and ends, each new follow later than the one before."""
    since: dict[Pair, datetime] = {}
    changes = []
    for step, (user_id, creator_id) in enumerate(choices):
        pair = (user_id, creator_id)
        if pair in since:
            changes.append(Change(user_id, creator_id, False, since.pop(pair), step))
        else:
            since[pair] = at(step)
            changes.append(Change(user_id, creator_id, True, at(step), step))
    return changes


def final(changes: list[Change]) -> dict[Pair, datetime]:
    """What the lists must show in the end."""
    last = {change.pair: change for change in changes}
    return {pair: change.followed_at for pair, change in last.items() if change.active}


class Store:
    """Lists and counts, as the reader writes them."""

    def __init__(self) -> None:
        self.listed: dict[Pair, datetime] = {}
        self.followers: Counter[str] = Counter()
        self.following: Counter[str] = Counter()

    def take_in(self, changes: list[Change]) -> Derivation:
        shown = {pair: self.listed[pair] for pair in {change.pair for change in changes} & self.listed.keys()}
        result = derive(shown, changes)
        for pair, followed_at in result.removed.items():
            assert self.listed.pop(pair) == followed_at
        for pair, followed_at in result.put.items():
            assert pair not in self.listed
            self.listed[pair] = followed_at
        self.followers.update(result.followers)
        self.following.update(result.following)
        return result

    def check(self) -> None:
        assert +self.followers == Counter(creator for _, creator in self.listed)
        assert +self.following == Counter(user for user, _ in self.listed)
        assert min([0, *self.followers.values(), *self.following.values()]) == 0


CHOICES = st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(CREATORS)), max_size=30)


@given(CHOICES, st.lists(st.integers(1, 5), max_size=40))
def test_any_batches_of_a_history_end_at_its_lists(choices: list[tuple[str, str]], sizes: list[int]) -> None:
    changes, store = history(choices), Store()
    rest = list(changes)
    for size in [*sizes, len(changes)]:
        store.take_in(rest[:size])
        store.check()
        rest = rest[size:]
    assert store.listed == final(changes)


@given(CHOICES, st.data())
def test_telling_a_part_again_from_any_point_ends_at_the_same(choices: list[tuple[str, str]], data: st.DataObject) -> None:
    changes, store = history(choices), Store()
    store.take_in(changes)
    again = data.draw(st.integers(0, len(changes)))
    store.take_in(changes[again:])
    store.check()
    assert store.listed == final(changes)


@given(CHOICES, st.data())
def test_a_repair_ahead_of_the_stream_is_moved_on_by_what_the_stream_still_tells(
    choices: list[tuple[str, str]], data: st.DataObject
) -> None:
    """A rebuild reads the follows as they are now, while the stream is still at an earlier place."""
    changes, store = history(choices), Store()
    place = data.draw(st.integers(0, len(changes)))
    store.take_in(changes[:place])
    store.take_in(list({change.pair: change for change in changes}.values()))
    store.check()
    for change in changes[place:]:
        store.take_in([change])
        store.check()
    assert store.listed == final(changes)


def test_a_batch_that_ends_where_it_began_changes_nothing() -> None:
    changes = history([("ann", "cat"), ("ann", "cat")])
    assert derive({}, changes) == Derivation()


def test_a_new_follow_moves_an_entry_and_no_count() -> None:
    changes = history([("ann", "cat"), ("ann", "cat"), ("ann", "cat")])
    result = derive({("ann", "cat"): at(0)}, changes[1:])
    assert (result.removed, result.put) == ({("ann", "cat"): at(0)}, {("ann", "cat"): at(2)})
    assert result.people() == set()


def test_an_edge_names_its_pair() -> None:
    assert pair_of(edge_id("ann", "cat")) == ("ann", "cat")


def change(collection: str, kind: str, key: str, **more: Any) -> dict[str, Any]:
    return {"ns": {"coll": collection}, "operationType": kind, "documentKey": {"_id": key}, "wallTime": at(9), **more}


class TestReading:
    def test_an_insert_and_an_update_tell_of_follows(self) -> None:
        news = read(
            [
                change("follows", "insert", "ann:cat", fullDocument={"active": True, "followed_at": at(1), "version": 1}),
                change(
                    "follows", "update", "ann:cat", updateDescription={"updatedFields": {"active": False, "ended": at(1), "version": 2}}
                ),
                change(
                    "follows",
                    "update",
                    "ann:cat",
                    updateDescription={"updatedFields": {"active": True, "followed_at": at(3), "version": 3}},
                ),
            ]
        )
        assert [told for told, _ in news.follows] == [
            Change("ann", "cat", True, at(1), 1),
            Change("ann", "cat", False, at(1), 2),
            Change("ann", "cat", True, at(3), 3),
        ]
        assert news.people() == {"ann", "cat"}

    def test_what_is_forgotten_long_after_its_end_is_no_news(self) -> None:
        assert read([change("follows", "delete", "ann:cat")]).follows == []

    def test_people_are_new_renamed_and_deleted(self) -> None:
        news = read(
            [
                change("users", "insert", "ann", fullDocument={}),
                change("users", "update", "bob", updateDescription={"updatedFields": {"display_name": "Bob"}}),
                change("users", "update", "cat", updateDescription={"updatedFields": {"version": 2}}),
                change("users", "delete", "dan"),
            ]
        )
        assert (set(news.changed), news.renamed, set(news.deleted)) == ({"ann", "bob", "cat"}, {"bob"}, {"dan"})

    def test_events_told_twice_are_one_and_show_nothing_private(self) -> None:
        user = User("ann", "Ann Real", "ann@example.org", [Role.CREATOR], at(0), "Ann", "bio", "", 7)
        news = read([change("users", "insert", "ann", fullDocument={}), change("users", "delete", "bob")])
        first, again = events_of(news, {"ann": user}), events_of(news, {"ann": user})
        assert [event.id for event in first] == [event.id for event in again]
        assert [event.type for event in first] == ["user.changed", "user.deleted"]
        assert first[0].data["is_creator"] is True
        assert not {"email", "name", "password_hash"} & first[0].data.keys()


@pytest.mark.parametrize(("name", "folded"), [("Émile", "emile"), ("  STRASSE ", "strasse"), ("Straße", "strasse"), ("\uff26ull", "full")])
def test_names_are_found_without_accents_and_case(name: str, folded: str) -> None:
    assert folded_name(name) == folded


@given(st.text(max_size=200))
def test_a_folded_name_is_short_and_folds_no_further(name: str) -> None:
    folded = folded_name(name)
    assert len(folded) <= FOLDED_NAME_LENGTH


def test_nobody_follows_themselves() -> None:
    with pytest.raises(CannotFollowSelf):
        check_follow("ann", "ann")
    check_follow("ann", "bob")
