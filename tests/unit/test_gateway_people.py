"""Pages of people, follows and what they cost, without a server."""

import uuid
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from graphql import ExecutionResult, graphql_sync

from gateway import inputs, presenters
from gateway.context import Gateway, RequestContext, Visit
from gateway.schema import load_schema
from gateway.shared_reads import SharedReads
from services.contracts.errors import CannotFollowSelf, InvalidInput
from services.contracts.users import FollowPage, Followship, FollowState, Profile, User, UserChange
from services.kernel.calls import Viewer

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SCHEMA = load_schema()


def some_id() -> str:
    return str(uuid.uuid4())


def profile(user_id: str) -> Profile:
    return Profile(user_id, f"name of {user_id}", "", "", False, NOW, 1, follower_count=3)


class Users:
    """A users service of this process, which counts what it is asked. people: on every list; gone: those deleted since."""

    def __init__(self, people: int = 0, gone: int = 0) -> None:
        self.ids = [some_id() for _ in range(people)]
        self.gone = set(self.ids[:gone])
        self.calls: list[str] = []

    def list_followers(self, *, creator_id: str, first: int, after: str | None, profiles: bool) -> FollowPage:
        self.calls.append("list_followers with profiles" if profiles else "list_followers")
        known = [profile(one) for one in self.ids[:first] if one not in self.gone] if profiles else []
        return FollowPage([Followship(one, NOW, f"c{place}") for place, one in enumerate(self.ids[:first])], "next", known)

    def get_profiles(self, *, user_ids: list[str]) -> list[Profile]:
        self.calls.append("get_profiles")
        return [profile(one) for one in user_ids if one not in self.gone]

    def are_following(self, *, user_id: str, creator_ids: list[str]) -> list[bool]:
        self.calls.append("are_following")
        return [one == self.ids[-1] for one in creator_ids]

    def get_user(self, *, user_id: str) -> User:
        self.calls.append("get_user")
        return User(user_id, "Ann", "ann@example.org", [], NOW, "Annie")

    def follow(self, *, user_id: str, creator_id: str) -> FollowState:
        self.calls.append("follow")
        if user_id == creator_id:
            raise CannotFollowSelf(field="creator_id")
        return FollowState(user_id, creator_id, True, NOW, 1)


def run(users: Users, query: str, viewer: str | None = None, **variables: Any) -> ExecutionResult:
    class Parts:
        pass

    parts: Any = Parts()
    parts.users = users
    parts.shared_reads = SharedReads(cast(Any, users))
    visit = Visit(0.0, "here", Viewer(viewer) if viewer else None, "id", lambda: None)
    return graphql_sync(
        SCHEMA, query, context_value=RequestContext(cast(Gateway, parts), visit), variable_values={"id": some_id(), **variables}
    )


def page_of(selection: str) -> str:
    return f"query($id: ID!) {{ followers(creatorId: $id, first: 50) {{ {selection} }} }}"


class TestPages:
    @pytest.mark.parametrize(
        ("selection", "rpcs"),
        [
            ("pageInfo{hasNextPage endCursor}", ["list_followers"]),
            ("edges{cursor followedAt}", ["list_followers"]),
            ("edges{cursor node{displayName followerCount}}", ["list_followers with profiles"]),
            ("edges{...on ProfileEdge{node{id}}}", ["list_followers with profiles"]),
            ("edges{node{displayName followerCount isFollowing}}", ["list_followers with profiles", "are_following"]),
        ],
    )
    def test_a_page_costs_one_rpc_and_one_more_for_what_the_viewer_follows(self, selection: str, rpcs: list[str]) -> None:
        users = Users(people=50)
        assert run(users, page_of(selection), viewer=some_id()).errors is None
        assert users.calls == rpcs

    def test_a_node_in_a_fragment_is_one_too(self) -> None:
        users = Users(people=2)
        query = "query($id: ID!) { followers(creatorId: $id) { ...A } } fragment A on ProfileConnection { edges { ...B } } "
        data = run(users, query + "fragment B on ProfileEdge { who: node { id } }").data
        assert data is not None
        assert [edge["who"]["id"] for edge in data["followers"]["edges"]] == users.ids

    def test_somebody_deleted_a_moment_ago_is_left_out_and_the_cursors_stay(self) -> None:
        users = Users(people=3, gone=1)
        data = run(users, page_of("edges{node{id}} pageInfo{startCursor endCursor hasNextPage hasPreviousPage}")).data
        assert data is not None
        assert [edge["node"]["id"] for edge in data["followers"]["edges"]] == users.ids[1:]
        pages = {"startCursor": "c0", "endCursor": "next", "hasNextPage": True, "hasPreviousPage": False}
        assert data["followers"]["pageInfo"] == pages

    def test_nobody_signed_in_follows_neither_yes_nor_no(self) -> None:
        users = Users(people=2)
        data = run(users, page_of("edges{node{isFollowing}}")).data
        assert data is not None
        assert [edge["node"]["isFollowing"] for edge in data["followers"]["edges"]] == [None, None]
        assert "are_following" not in users.calls

    def test_counts_of_oneself_cost_an_rpc_only_when_asked_for(self) -> None:
        users, viewer = Users(), some_id()
        run(users, "{me{displayName bio picture}}", viewer)
        assert users.calls == ["get_user"]
        data = run(users, "{me{followerCount followingCount}}", viewer).data
        assert data == {"me": {"followerCount": 3, "followingCount": 0}}
        assert users.calls == ["get_user", "get_user", "get_profiles"]


class TestFollow:
    MUTATION = "mutation($id: ID!) { follow(input: {creatorId: $id}) { SELECTION userErrors { code field } } }"

    def test_the_answer_says_what_it_learned_without_asking_again(self) -> None:
        users = Users()
        data = run(users, self.MUTATION.replace("SELECTION", "isFollowing followedAt creator{isFollowing}"), some_id()).data
        expected = {"isFollowing": True, "followedAt": "2026-01-02T03:04:05Z", "creator": {"isFollowing": True}, "userErrors": []}
        assert data == {"follow": expected}
        assert users.calls == ["follow", "get_profiles"]

    def test_a_refusal_names_the_field_as_clients_know_it(self) -> None:
        viewer = some_id()
        data = run(Users(), self.MUTATION.replace("SELECTION", "creator{id} isFollowing"), viewer, id=viewer).data
        errors = [{"code": "CANNOT_FOLLOW_SELF", "field": "creatorId"}]
        assert data == {"follow": {"creator": None, "isFollowing": None, "userErrors": errors}}


class TestInputs:
    @pytest.mark.parametrize(("first", "expected"), [(1, 1), ("20", 20), (100, 100)])
    def test_a_page_size_may_be_a_text(self, first: object, expected: int) -> None:
        assert inputs.page(first, None).first == expected

    @pytest.mark.parametrize("first", [0, 101, "0", "101", "", "x", " 5", "5.5", "null", "9" * 400, None])
    def test_a_strange_page_size_is_refused_by_name(self, first: object) -> None:
        with pytest.raises(InvalidInput) as refused:
            inputs.page(first, None)
        assert refused.value.data["field"] == "first"

    @pytest.mark.parametrize("after", ["", "a b", "x" * 600, "\u0000"])
    def test_a_strange_cursor_is_refused_by_name(self, after: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            inputs.page(20, after)
        assert refused.value.data["field"] == "after"

    def test_what_is_left_out_of_a_change_stays(self) -> None:
        assert inputs.user_change({"displayName": "Ann", "bio": "", "name": None}) == UserChange(display_name="Ann", bio="")

    @pytest.mark.parametrize(
        ("field", "value"),
        [("name", " "), ("displayName", "x" * 201), ("bio", "a\u0000"), ("picture", "javascript:alert(1)"), ("email", "no address")],
    )
    def test_a_wrong_field_of_a_change_is_named_as_clients_know_it(self, field: str, value: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            inputs.user_change({field: value})
        assert refused.value.data["field"] == field


def test_an_empty_picture_is_shown_as_none() -> None:
    assert presenters.profile(profile(some_id()))["picture"] is None


def test_who_does_not_follow_has_no_date() -> None:
    assert presenters.follow_state(FollowState("a", "b", False, None, 2))["followedAt"] is None
