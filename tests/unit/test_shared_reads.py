"""Reads of a crowd: one question for all who came before it was sent, and never an older answer than the request."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from gateway.shared_reads import SharedReads
from services.contracts.errors import DeadlineExceeded, Unavailable
from services.contracts.users import FollowPage, Profile
from services.kernel import calls

NOW = datetime.now(UTC)
CROWD = 30


class Users:
    """A users service of this process that answers when it is let. asked: what came, in order."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.may_answer = threading.Semaphore(0)
        self.fails = False

    def list_followers(self, **question: Any) -> FollowPage:
        self._wait(question)
        return FollowPage([], f"page {len(self.asked)}")

    def get_profiles(self, *, user_ids: list[str]) -> list[Profile]:
        self._wait(user_ids)
        return [Profile(one, f"name of {one}", "", "", False, NOW, 1) for one in user_ids if one != "gone"]

    def _wait(self, question: Any) -> None:
        self.asked.append(question)
        assert self.may_answer.acquire(timeout=10)
        if self.fails:
            raise Unavailable()


@pytest.fixture
def users() -> Users:
    return Users()


@pytest.fixture
def reads(users: Users) -> SharedReads:
    return SharedReads(cast(Any, users))


def page(reads: SharedReads, creator_id: str = "star", after: str | None = None) -> str | None:
    return reads.list_followers(creator_id=creator_id, first=20, after=after, profiles=True).next


def until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_who_comes_while_a_question_is_under_way_shares_the_next_one(users: Users, reads: SharedReads) -> None:
    with ThreadPoolExecutor(CROWD) as pool:
        first = pool.submit(page, reads)
        until(lambda: len(users.asked) == 1)
        crowd = [pool.submit(page, reads) for _ in range(CROWD - 1)]
        until(lambda: reads.waiting() == CROWD)
        users.may_answer.release(2)
        assert first.result() == "page 1"
        assert {one.result() for one in crowd} == {"page 2"}
    assert len(users.asked) == 2


def test_other_pages_and_other_creators_wait_for_nobody(users: Users, reads: SharedReads) -> None:
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(page, reads, *which) for which in (("star", None), ("star", "c"), ("other", None))]
        until(lambda: len(users.asked) == 3)
        users.may_answer.release(3)
        assert all(one.result() for one in asked)


def test_profiles_of_several_requests_travel_together_each_person_once(users: Users, reads: SharedReads) -> None:
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(reads.get_profiles, user_ids=["a"])
        until(lambda: len(users.asked) == 1)
        rest = [pool.submit(reads.get_profiles, user_ids=[one]) for one in ("b", "gone", "b", "c")]
        until(lambda: reads.waiting() == 5)
        users.may_answer.release(2)
        assert [profile.user_id for profile in first.result()] == ["a"]
        assert [[profile.user_id for profile in one.result()] for one in rest] == [["b"], [], ["b"], ["c"]]
    assert sorted(users.asked[1]) == ["b", "c", "gone"]


def test_a_failure_is_everybodys_and_ends_with_them(users: Users, reads: SharedReads) -> None:
    users.fails = True
    users.may_answer.release(1)
    with pytest.raises(Unavailable):
        page(reads)
    users.fails = False
    users.may_answer.release(1)
    assert page(reads) == "page 2"


def test_nobody_waits_longer_than_their_own_deadline(users: Users, reads: SharedReads) -> None:
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(page, reads)
        until(lambda: len(users.asked) == 1)
        with calls.under(calls.begin(0.05)), pytest.raises(DeadlineExceeded):
            page(reads)
        users.may_answer.release(1)
        under_way.result()
