"""Following and lists of people, through GraphQL on the real mesh."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from gateway.context import Gateway
from services.contracts.users import UserChange, Users
from services.kernel.metrics import Metrics
from stack.api import Stack
from tests.conftest import Person, eventually
from tests.integration.conftest import FOLLOW, PASSWORD, Member
from tests.integration.test_limits import gateway_with

UNFOLLOW = "mutation($id:ID!){unfollow(input:{creatorId:$id}){creator{id isFollowing} isFollowing followedAt userErrors{code field}}}"
FOLLOWERS = """
query($id:ID!,$first:Int!=20,$after:String,$name:String) { followers(creatorId:$id,first:$first,after:$after,name:$name) {
  edges { cursor followedAt node { id displayName } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }
"""
FOLLOWING = FOLLOWERS.replace("followers(creatorId:$id", "following(userId:$id").replace(",$name:String", "").replace(",name:$name", "")
MUTUAL = FOLLOWING.replace("following(", "mutualFollows(")
LISTS = {"followers": FOLLOWERS, "following": FOLLOWING, "mutualFollows": MUTUAL}
NOBODY = str(uuid.uuid4())


def pages(somebody: Member, list_field: str, user_id: str, **variables: Any) -> Iterator[dict[str, Any]]:
    """The pages of a list, one after another."""
    after = None
    while True:
        page: dict[str, Any] = somebody.ask(LISTS[list_field], id=user_id, after=after, **variables)[list_field]
        yield page
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return


def ids(page: dict[str, Any]) -> list[str]:
    return [edge["node"]["id"] for edge in page["edges"]]


class TestFollow:
    def test_a_follow_is_in_effect_at_once_and_again_is_no_error(self, member: Callable[..., Member]) -> None:
        fan, creator = member(), member()
        first = fan.follow(creator)
        assert (first["isFollowing"], first["creator"], first["userErrors"]) == (True, {"id": creator.id, "isFollowing": True}, [])
        assert fan.follow(creator) == first
        query = "query($a:ID!,$b:ID!){mine:isFollowing(creatorId:$a) theirs:isFollowing(creatorId:$b,userId:$a)}"
        assert fan.ask(query, a=creator.id, b=fan.id) == {"mine": True, "theirs": False}

    def test_an_unfollow_is_in_effect_at_once_and_again_is_no_error(self, member: Callable[..., Member]) -> None:
        fan, creator = member(), member()
        fan.follow(creator)
        for _ in range(2):
            ended = fan.ask(UNFOLLOW, id=creator.id)["unfollow"]
            assert (ended["isFollowing"], ended["creator"], ended["userErrors"]) == (False, {"id": creator.id, "isFollowing": False}, [])
        assert fan.ask("query($id:ID!){isFollowing(creatorId:$id)}", id=creator.id) == {"isFollowing": False}

    def test_one_after_another_in_one_request(self, member: Callable[..., Member]) -> None:
        fan, creator = member(), member()
        steps = " ".join(
            f'{alias}:{change}(input:{{creatorId:"{creator.id}"}}){{creator{{isFollowing}}}}'
            for alias, change in (("a", "follow"), ("b", "unfollow"))
        )
        answer = fan.ask(f"mutation{{{steps}}}")
        assert answer == {"a": {"creator": {"isFollowing": True}}, "b": {"creator": {"isFollowing": False}}}

    @pytest.mark.parametrize("mutation", [FOLLOW, UNFOLLOW])
    @pytest.mark.parametrize("bad", ["", "x", "%00", "00000000-0000-4000-8000-00000000000G"])
    def test_a_bad_id_is_named(self, mutation: str, bad: str, member: Callable[..., Member], crowd: tuple[Member, list[Member]]) -> None:
        (answer,) = crowd[0].ask(mutation, id=bad).values()
        assert answer == {
            "creator": None,
            "isFollowing": None,
            "followedAt": None,
            "userErrors": [{"code": "INVALID_INPUT", "field": "creatorId"}],
        }

    def test_nobody_follows_themselves_or_nobody(self, crowd: tuple[Member, list[Member]]) -> None:
        somebody = crowd[0]
        assert [error["code"] for error in somebody.follow(somebody)["userErrors"]] == ["CANNOT_FOLLOW_SELF"]
        assert [error["code"] for error in somebody.follow(NOBODY)["userErrors"]] == ["NOT_FOUND"]

    def test_who_is_not_signed_in_follows_nobody(self, address: str) -> None:
        queries = (FOLLOW, UNFOLLOW, "query($id:ID!){isFollowing(creatorId:$id)}")
        for query in queries:
            answer = requests.post(f"{address}/graphql", json={"query": query, "variables": {"id": NOBODY}}, timeout=10).json()
            assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]


class TestProfiles:
    def test_a_profile_is_for_everybody_and_a_creator_is_more_than_a_fan(self, address: str, crowd: tuple[Member, list[Member]]) -> None:
        creator, fans = crowd
        query = "query($id:ID!){user(id:$id){id displayName bio picture isCreator isFollowing followingCount} creator(id:$id){id}}"

        def look(user_id: str) -> Any:
            return requests.post(f"{address}/graphql", json={"query": query, "variables": {"id": user_id}}, timeout=10).json()["data"]

        shown = {"id": creator.id, "displayName": "Crowd Puller", "bio": "", "picture": None, "isCreator": True}
        assert look(creator.id) == {"user": {**shown, "isFollowing": None, "followingCount": 0}, "creator": {"id": creator.id}}
        assert (look(fans[0].id)["user"]["isCreator"], look(fans[0].id)["creator"]) == (False, None)
        assert look(NOBODY) == {"user": None, "creator": None}

    @pytest.mark.parametrize("field", ["user", "creator"])
    def test_a_bad_id_is_named(self, field: str, crowd: tuple[Member, list[Member]]) -> None:
        assert crowd[0].codes(f'{{{field}(id:"x"){{id}}}}') == [("INVALID_INPUT", "id")]

    def test_counts_come_a_moment_later(self, crowd: tuple[Member, list[Member]]) -> None:
        creator, fans = crowd
        eventually(lambda: creator.ask("{me{followerCount}}")["me"]["followerCount"] == len(fans))
        eventually(lambda: fans[0].ask("{me{followingCount}}")["me"]["followingCount"] >= 1)


class TestLists:
    def test_followers_come_newest_first_over_several_pages(self, crowd: tuple[Member, list[Member]]) -> None:
        creator, fans = crowd
        seen = list(pages(fans[0], "followers", creator.id, first=2))
        assert [ids(page) for page in seen] == [[fan.id for fan in fans[place : place + 2]] for place in (0, 2, 4)]
        assert [page["pageInfo"]["hasPreviousPage"] for page in seen] == [False, True, True]
        dates = [edge["followedAt"] for page in seen for edge in page["edges"]]
        assert dates == sorted(dates, reverse=True)

    def test_the_cursor_of_any_edge_continues_behind_it(self, crowd: tuple[Member, list[Member]]) -> None:
        creator, fans = crowd
        first = next(pages(creator, "followers", creator.id, first=3))
        behind = creator.ask(FOLLOWERS, id=creator.id, after=first["edges"][1]["cursor"])["followers"]
        assert ids(behind) == [fan.id for fan in fans[2:]]

    def test_followers_are_found_by_the_beginning_of_their_name(self, crowd: tuple[Member, list[Member]]) -> None:
        creator, fans = crowd

        def found(name: str) -> list[str]:
            return [one for page in pages(creator, "followers", creator.id, first=2, name=name) for one in ids(page)]

        zoe, annabel, bob, anna_maria, anna = (fan.id for fan in fans)
        eventually(lambda: sorted(found("ANN")) == sorted([anna, anna_maria, annabel]))
        assert found("b") == [bob]
        assert found("ANNA M") == [anna_maria]
        assert found("nna") == []
        assert zoe not in found("ann")

    def test_whom_one_follows_and_who_follows_back(self, member: Callable[..., Member]) -> None:
        somebody, friends, stranger = member(), [member(), member()], member()
        for other in (*friends, stranger):
            somebody.follow(other)
        for friend in friends:
            friend.follow(somebody)
        assert [one for page in pages(somebody, "following", somebody.id, first=2) for one in ids(page)] == [
            stranger.id,
            friends[1].id,
            friends[0].id,
        ]
        mutual = [friends[1].id, friends[0].id]
        eventually(lambda: [one for page in pages(stranger, "mutualFollows", somebody.id, first=1) for one in ids(page)] == mutual)

    def test_nobody_has_empty_lists(self, crowd: tuple[Member, list[Member]]) -> None:
        empty = {"edges": [], "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None}}
        for name in LISTS:
            assert list(pages(crowd[0], name, NOBODY)) == [empty]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            *(({"first": first}, "first") for first in (0, -1, 101)),
            *(({"after": after}, "after") for after in ("", "x", "a b", "x" * 600, "AAAAAAAAAAAAAAAAAAAAAAAA")),
        ],
    )
    @pytest.mark.parametrize("name", LISTS)
    def test_a_bad_page_is_refused_by_name(
        self, name: str, changes: dict[str, Any], field: str, crowd: tuple[Member, list[Member]]
    ) -> None:
        assert crowd[0].codes(LISTS[name], **{"id": crowd[0].id, **changes}) == [("INVALID_INPUT", field)]

    @pytest.mark.parametrize(("name", "field"), [("followers", "creatorId"), ("following", "userId"), ("mutualFollows", "userId")])
    def test_a_bad_id_is_named(self, name: str, field: str, crowd: tuple[Member, list[Member]]) -> None:
        assert crowd[0].codes(LISTS[name], id="x") == [("INVALID_INPUT", field)]

    @pytest.mark.parametrize("bad", ["", "  ", "a\u0000", "x" * 201])
    def test_a_bad_name_is_named(self, bad: str, crowd: tuple[Member, list[Member]]) -> None:
        assert crowd[0].codes(FOLLOWERS, id=crowd[0].id, name=bad) == [("INVALID_INPUT", "name")]

    def test_a_cursor_of_another_list_is_refused(self, crowd: tuple[Member, list[Member]]) -> None:
        creator, fans = crowd
        cursor = next(pages(creator, "followers", creator.id))["edges"][0]["cursor"]
        foreign = [(FOLLOWERS, {"id": fans[0].id}), (FOLLOWERS, {"id": creator.id, "name": "a"})]
        foreign += [(FOLLOWING, {"id": creator.id}), (MUTUAL, {"id": creator.id})]
        for query, variables in foreign:
            assert creator.codes(query, after=cursor, **variables) == [("INVALID_INPUT", "after")]


@pytest.fixture(scope="module")
def fifty(users: Users, person: Callable[..., Person]) -> tuple[str, Person]:
    """A creator and one of fifty followers, who follows another of them. Made once: each sign-up hashes a password."""

    def sign_up(number: int) -> str:
        return users.sign_up(name=f"Fan {number}", email=f"{uuid.uuid4().hex}@example.org", password=PASSWORD).id

    creator, *fans = (sign_up(number) for number in range(51))
    for fan in fans:
        users.follow(user_id=fan, creator_id=creator)
    users.follow(user_id=fans[0], creator_id=fans[1])
    eventually(lambda: len(users.list_followers(creator_id=creator, first=100).people) == len(fans))
    return creator, person(user_id=fans[0])


def rpcs_of(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The RPCs that the gateway makes from here on."""
    call, made = gateway.rpc.call, list[str]()

    def counted(service: str, method: str, *rest: Any) -> Any:
        made.append(f"{service}.{method}")
        return call(service, method, *rest)

    monkeypatch.setattr(gateway.rpc, "call", counted)
    return made


@pytest.mark.parametrize(
    ("selection", "rpcs"),
    [
        ("node{displayName followerCount isFollowing}", ["users.list_followers", "users.are_following"]),
        ("node{displayName followerCount followingCount}", ["users.list_followers"]),
        ("cursor followedAt", ["users.list_followers"]),
    ],
)
def test_a_page_of_fifty_costs_an_rpc_of_each_kind(
    selection: str,
    rpcs: list[str],
    fifty: tuple[str, Person],
    stack: Stack,
    metrics: Metrics,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    creator_id, viewer = fifty
    query = f'{{followers(creatorId:"{creator_id}",first:50){{edges{{{selection}}}}}}}'
    with gateway_with(stack, metrics, monkeypatch) as (gateway, app):
        made = rpcs_of(gateway, monkeypatch)
        answer = app.test_client().post("/graphql", json={"query": query}, headers={"Authorization": f"Bearer {viewer.token}"})
    body: Any = answer.json
    edges = body["data"]["followers"]["edges"]
    assert (len(edges), made) == (50, rpcs)
    if "isFollowing" in selection:
        assert [edge["node"]["isFollowing"] for edge in edges].count(True) == 1


def test_a_name_changed_is_the_name_on_the_lists(member: Callable[..., Member], users: Users) -> None:
    fan, creator = member("Before"), member()
    fan.follow(creator)
    users.update_user(user_id=fan.id, change=UserChange(display_name="After"))
    eventually(
        lambda: [edge["node"]["displayName"] for edge in next(pages(creator, "followers", creator.id, name="aft"))["edges"]] == ["After"]
    )
