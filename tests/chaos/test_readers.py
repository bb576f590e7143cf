"""Two change-stream readers: one at a time derives, and one that was paused past its lease can change nothing when it wakes."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bson import Int64

from services.contracts.events import Event
from stack.api import Stack
from tests.chaos.disturbances import TAKEN_OVER_WITHIN_S, paused, second_process, stop_inside_a_transaction
from tests.chaos.following import Circle, following
from tests.chaos.graph import UsersStore, counted, listed, reader_pid
from tests.chaos.witness import Witness
from tests.conftest import eventually


@pytest.fixture
def second(stack: Stack, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A second reader, standing by."""
    with second_process(stack, "users-capture", tmp_path) as process:
        yield process


def test_a_second_reader_takes_over_from_a_paused_one(
    stack: Stack, circle: Circle, second: subprocess.Popen[bytes], rounds: Callable[[int, int], range]
) -> None:
    with following(circle) as crowd:
        for _ in rounds(1, 10):
            crowd.wait_for_events()
            holder = reader_pid(circle.store)
            assert holder in (stack.pid("users-capture"), second.pid)
            with paused(holder) as since:
                _wait_until_taken_over(circle.store, holder, since)
                crowd.wait_for_events()


def test_a_second_reader_takes_over_from_one_that_was_paused_inside_its_transaction(
    circle: Circle, second: subprocess.Popen[bytes], rounds: Callable[[int, int], range]
) -> None:
    with following(circle) as crowd:
        for _ in rounds(1, 10):
            crowd.wait_for_events()
            holder = reader_pid(circle.store)
            stop_inside_a_transaction(circle.store, holder)
            with paused(holder) as since:
                _wait_until_taken_over(circle.store, holder, since)
                crowd.wait_for_events()


def test_a_reader_that_was_paused_with_changes_in_hand_changes_nothing_when_it_wakes(
    stack: Stack, circle: Circle, second: subprocess.Popen[bytes]
) -> None:
    first, log, store = stack.pid("users-capture"), stack.log("users-capture"), circle.store
    creator, fan = circle.sign_up().id, circle.sign_up().id
    with Witness.of(circle.broker_url, "follow.#") as witness:
        with paused(second.pid):
            eventually(lambda: reader_pid(store) == first)
            said_before = len(log.read_text())
            with _counts_locked(store, creator):
                circle.users.follow(user_id=fan, creator_id=creator)
                eventually(lambda: _told(witness, creator))  # what the reader does next needs the counts
                os.kill(first, signal.SIGSTOP)
        with paused(first):
            eventually(lambda: listed(store, [creator]), timeout_s=30)
            circle.users.unfollow(user_id=fan, creator_id=creator)
            eventually(lambda: not listed(store, [creator]))
        eventually(lambda: "LeaseLost" in log.read_text()[said_before:])
        assert reader_pid(store) == second.pid
        assert not listed(store, [creator])
        assert counted(store, [creator, fan]) == {creator: (0, 0), fan: (0, 0)}
        assert len({event.id for event in _told(witness, creator)}) == 1


def _wait_until_taken_over(store: UsersStore, holder: int, since: float) -> None:
    eventually(lambda: reader_pid(store) != holder, timeout_s=90)
    taken_over_s = time.monotonic() - since
    print(f"\n  taken over in {taken_over_s:.2f} s")
    assert taken_over_s < TAKEN_OVER_WITHIN_S


def _told(witness: Witness, creator: str) -> list[Event]:
    return [event for event in witness.heard("follow.created") if event.data["creator_id"] == creator]


@contextmanager
def _counts_locked(store: UsersStore, user_id: str) -> Iterator[None]:
    """Nobody commits a change of this person's counts during the block."""
    with store.client.start_session() as session:
        session.start_transaction()
        store["counts"].insert_one({"_id": user_id, "followers": Int64(0), "following": Int64(0)}, session=session)
        try:
            yield
        finally:
            session.abort_transaction()
