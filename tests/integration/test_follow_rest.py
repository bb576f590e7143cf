"""Following and lists of people, through REST on the real mesh."""

import uuid
from collections.abc import Callable

import pytest
import requests

from tests.conftest import eventually
from tests.integration.conftest import Member

NOBODY = str(uuid.uuid4())


def test_follow_ask_and_unfollow(member: Callable[..., Member]) -> None:
    fan, creator = member(), member()
    followed = fan.post("/follow", {"creatorId": creator.id})
    assert followed.status_code == 200
    state = followed.json()
    assert state == {"userId": fan.id, "creatorId": creator.id, "isFollowing": True, "followedAt": state["followedAt"]}
    assert fan.post("/follow", {"creatorId": creator.id}).json() == state
    assert fan.get(f"/follows?creator_id={creator.id}").json() == state
    assert creator.get(f"/follows?user_id={fan.id}&creator_id={creator.id}").json() == state
    ended = {**state, "isFollowing": False, "followedAt": None}
    assert fan.post("/unfollow", {"creatorId": creator.id}).json() == ended
    assert fan.get(f"/follows?creator_id={creator.id}").json() == ended


def test_a_list_links_to_its_next_page(address: str, crowd: tuple[Member, list[Member]]) -> None:
    creator, fans = crowd
    seen, path = [], f"/user/{creator.id}/followers?first=2"
    while path:
        answer = requests.get(f"{address}{path}", timeout=10)
        seen += [one["id"] for one in answer.json()["people"]]
        assert (answer.json()["next"] is None) is ("next" not in answer.links)
        path = answer.links.get("next", {}).get("url", "")
    assert seen == [fan.id for fan in fans]


def test_a_link_keeps_the_name(address: str, crowd: tuple[Member, list[Member]]) -> None:
    creator, _ = crowd
    eventually(lambda: creator.get(f"/user/{creator.id}/followers?name=%C3%81nna&first=1").links)
    seen, path = [], f"/user/{creator.id}/followers?name=%C3%81nna&first=1"
    while path:
        answer = requests.get(f"{address}{path}", timeout=10)
        seen += [one["displayName"] for one in answer.json()["people"]]
        path = answer.links.get("next", {}).get("url", "")
    assert sorted(seen) == ["Annabel", "anna maria", "Ánna"]


def test_people_have_their_public_profile(address: str, crowd: tuple[Member, list[Member]]) -> None:
    creator, fans = crowd
    page = requests.get(f"{address}/user/{fans[0].id}/following", timeout=10).json()
    (one,) = page["people"]
    assert (one["id"], one["displayName"], one["isCreator"], one["picture"]) == (creator.id, "Crowd Puller", True, None)
    public = {"id", "displayName", "bio", "picture", "isCreator", "createdAt", "followerCount", "followingCount", "followedAt"}
    assert set(one) == public


def test_refusals_are_problems(address: str, crowd: tuple[Member, list[Member]]) -> None:
    somebody = crowd[0]
    foreign = somebody.get(f"/user/{somebody.id}/followers?first=1").json()["next"]
    answers = [
        (somebody.post("/follow", {"creatorId": somebody.id}), 400, "CANNOT_FOLLOW_SELF", "creatorId"),
        (somebody.post("/follow", {"creatorId": NOBODY}), 404, "NOT_FOUND", None),
        (somebody.get(f"/user/{somebody.id}/following?after={foreign}"), 400, "INVALID_INPUT", "after"),
        (requests.post(f"{address}/follow", json={"creatorId": NOBODY}, timeout=10), 401, "UNAUTHENTICATED", None),
        (requests.get(f"{address}/follows?creator_id={NOBODY}", timeout=10), 401, "UNAUTHENTICATED", None),
    ]
    for answer, status, code, field in answers:
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert field is None or answer.json()["field"] == field
        assert answer.headers["content-type"] == "application/problem+json; charset=utf-8"


@pytest.mark.parametrize(("method", "path", "status"), [("PATCH", "/follow", 405), ("GET", "/nothing", 404)])
def test_a_problem_says_the_status_that_its_answer_has(address: str, method: str, path: str, status: int) -> None:
    answer = requests.request(method, f"{address}{path}", timeout=10)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
