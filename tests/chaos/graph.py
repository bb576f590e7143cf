"""The graph of follows as it must be after a test, read straight from MongoDB: the follows themselves, and what is derived from them."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pymongo.database import Database

from services.contracts.users import FollowState, Users
from services.users.derivation import Pair, pair_of
from tests.chaos.disturbances import pid_of
from tests.chaos.fans import Fan
from tests.chaos.witness import Witness
from tests.conftest import eventually

UsersStore = Database[dict[str, Any]]
# A reader that was killed a moment ago, and what it has to catch up with.
DERIVED_WITHIN_S = 45.0
_TOLD = {"follow.created": True, "follow.removed": False}


class Edge(NamedTuple):
    """A follow as it is stored, ended or not."""

    active: bool
    version: int
    followed_at: datetime


def reader_lease(store: UsersStore) -> dict[str, Any]:
    """What the reader keeps: who leads, in which epoch, and the place up to which all is derived."""
    return store["leases"].find_one({"_id": "users-capture"}) or {}


def reader_pid(store: UsersStore) -> int:
    """The process that leads, or led last."""
    return pid_of(reader_lease(store)["holder"])


def edges_of(store: UsersStore, people: Collection[str]) -> dict[Pair, Edge]:
    """The follows of these people, ended ones included."""
    found = store["follows"].find({"user_id": {"$in": list(people)}})
    return {pair_of(one["_id"]): Edge(one["active"], int(one["version"]), one["followed_at"]) for one in found}


def check_acknowledged(edges: Mapping[Pair, Edge], fans: Iterable[Fan]) -> None:
    """Each follow is as its last acknowledged change left it, or as a later one that a client asked for and had no answer to."""
    newest = newest_of(state for fan in fans for state in fan.acknowledged)
    unanswered = {asked for fan in fans for asked in fan.unanswered}
    for pair, state in newest.items():
        version, active = (edges[pair].version, edges[pair].active) if pair in edges else (0, False)
        if version == state.version:
            assert active == state.following, f"{pair} is not as version {version} was acknowledged"
        else:
            assert version > state.version, f"version {state.version} of {pair} is lost: {version} is stored"
            assert (pair, active) in unanswered, f"nobody asked for version {version} of {pair}"


def newest_of(states: Iterable[FollowState]) -> dict[Pair, FollowState]:
    """The last acknowledged state of each pair. Fails where two say different things of one version."""
    newest: dict[Pair, FollowState] = {}
    for state in states:
        pair = (state.user_id, state.creator_id)
        known = newest.setdefault(pair, state)
        assert known.version != state.version or known.following == state.following, f"two truths of {state}"
        if state.version > known.version:
            newest[pair] = state
    return newest


def check_heard(witness: Witness, edges: Mapping[Pair, Edge], fans: Collection[Fan]) -> None:
    """Each acknowledged change was told of under one event id, and the last that was told of each pair is the truth."""
    eventually(lambda: _last_heard(witness, edges) == {pair: edge[:2] for pair, edge in edges.items()}, DERIVED_WITHIN_S)
    ids: dict[tuple[Pair, int], set[str]] = {}
    told: dict[tuple[Pair, int], set[bool]] = {}
    for event in witness.heard(*_TOLD):
        change = ((event.data["user_id"], event.data["creator_id"]), event.data["version"])
        ids.setdefault(change, set()).add(event.id)
        told.setdefault(change, set()).add(_TOLD[event.type])
    for state in (state for fan in fans for state in fan.acknowledged if state.version):
        change = ((state.user_id, state.creator_id), state.version)
        assert len(ids.get(change, ())) == 1, f"{state} was told of under {len(ids.get(change, ()))} event ids"
        assert told[change] == {state.following}


def _last_heard(witness: Witness, pairs: Collection[Pair]) -> dict[Pair, tuple[bool, int]]:
    """What a consumer concludes of these pairs: the highest version wins."""
    last: dict[Pair, tuple[bool, int]] = {}
    for event in witness.heard(*_TOLD):
        pair, version = (event.data["user_id"], event.data["creator_id"]), event.data["version"]
        if pair in pairs and version > last.get(pair, (False, 0))[1]:
            last[pair] = (_TOLD[event.type], version)
    return last


def check_derived(store: UsersStore, users: Users, edges: Mapping[Pair, Edge], people: Collection[str]) -> None:
    """Lists, counts, and the counts that people are shown are those of the follows."""
    active = {pair: edge.followed_at for pair, edge in edges.items() if edge.active}
    followers, following = Counter(pair[1] for pair in active), Counter(pair[0] for pair in active)
    counts = {user_id: (followers[user_id], following[user_id]) for user_id in people}
    eventually(lambda: listed(store, people) == active, DERIVED_WITHIN_S)
    assert counted(store, people) == counts
    eventually(lambda: shown(users, people) == counts)


def listed(store: UsersStore, people: Collection[str]) -> dict[Pair, datetime]:
    """Who stands in the lists of these people, since when."""
    found = list(store["followers"].find({"creator_id": {"$in": list(people)}}))
    assert len({(one["user_id"], one["creator_id"]) for one in found}) == len(found), "somebody stands in a list twice"
    return {(one["user_id"], one["creator_id"]): one["followed_at"] for one in found}


def counted(store: UsersStore, people: Collection[str]) -> dict[str, tuple[int, int]]:
    """Followers and followed of these people, as counted."""
    found = {one["_id"]: (int(one["followers"]), int(one["following"])) for one in store["counts"].find({"_id": {"$in": list(people)}})}
    return {user_id: found.get(user_id, (0, 0)) for user_id in people}


def shown(users: Users, people: Collection[str]) -> dict[str, tuple[int, int]]:
    """The same, as everybody is shown them."""
    return {one.user_id: (one.follower_count, one.following_count) for one in users.get_profiles(user_ids=list(people))}
