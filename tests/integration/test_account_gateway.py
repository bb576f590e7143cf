"""One's own account, through GraphQL on the real mesh."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests

from services.contracts.users import Users
from tests.conftest import eventually
from tests.integration.conftest import PASSWORD, Member

UPDATE = (
    "mutation($input:UpdateProfileInput!){updateProfile(input:$input){user{name displayName bio picture email} userErrors{code field}}}"
)
DELETE = "mutation($email:String!){deleteAccount(input:{email:$email}){userErrors{code field}}}"
LISTS = """
query($id:ID!) {
  user(id:$id) { followerCount followingCount } followers(creatorId:$id) { edges { node { id } } } following(userId:$id) { edges { node { id } } }
}
"""


def test_a_change_is_seen_at_once_and_the_rest_stays(member: Callable[..., Member]) -> None:
    somebody = member("Ann")
    changed = somebody.ask(UPDATE, input={"displayName": "Annie", "bio": "Two\nlines", "picture": "https://example.org/a.png"})
    expected = {"name": "Ann", "displayName": "Annie", "bio": "Two\nlines", "picture": "https://example.org/a.png"}
    assert changed["updateProfile"] == {"user": {**expected, "email": somebody.email}, "userErrors": []}
    cleared = somebody.ask(UPDATE, input={"bio": "", "picture": "", "name": None})["updateProfile"]["user"]
    assert cleared == {"name": "Ann", "displayName": "Annie", "bio": "", "picture": None, "email": somebody.email}
    assert somebody.ask("{me{displayName bio picture}}") == {"me": {"displayName": "Annie", "bio": "", "picture": None}}


def test_a_new_address_signs_in_and_anothers_is_taken(member: Callable[..., Member], users: Users) -> None:
    somebody, other = member(), member()
    taken = somebody.ask(UPDATE, input={"email": other.email.upper()})["updateProfile"]
    assert (taken["user"], [error["code"] for error in taken["userErrors"]]) == (None, ["EMAIL_TAKEN"])
    fresh = f"{uuid.uuid4().hex}@example.org"
    assert somebody.ask(UPDATE, input={"email": fresh})["updateProfile"]["user"]["email"] == fresh
    assert users.sign_in(email=fresh, password=PASSWORD).user.id == somebody.id


@pytest.mark.parametrize("field", ["name", "displayName", "bio", "picture", "email"])
def test_a_bad_field_is_named(field: str, member: Callable[..., Member]) -> None:
    refused = member().ask(UPDATE, input={field: "\u0000"})["updateProfile"]
    assert refused == {"user": None, "userErrors": [{"code": "INVALID_INPUT", "field": field}]}


@pytest.mark.parametrize("typed", ["", "somebody.else@example.org"])
def test_an_account_is_deleted_only_with_its_own_address(typed: str, member: Callable[..., Member]) -> None:
    somebody = member()
    assert somebody.ask(DELETE, email=typed)["deleteAccount"]["userErrors"] == [{"code": "INVALID_INPUT", "field": "email"}]
    assert somebody.ask("{me{id}}") == {"me": {"id": somebody.id}}


def test_who_deletes_the_account_is_gone_from_every_list_and_a_retry_is_no_error(member: Callable[..., Member]) -> None:
    somebody, creator, fan = member(), member(), member()
    somebody.follow(creator)
    fan.follow(somebody)

    def lists(user_id: str) -> dict[str, Any]:
        seen = creator.ask(LISTS, id=user_id)
        return {**seen, **{name: [edge["node"]["id"] for edge in seen[name]["edges"]] for name in ("followers", "following")}}

    eventually(lambda: lists(creator.id)["followers"] == [somebody.id])
    for _ in range(2):
        assert somebody.ask(DELETE, email=somebody.email.upper()) == {"deleteAccount": {"userErrors": []}}
    eventually(lambda: lists(somebody.id)["user"] is None)
    eventually(lambda: lists(creator.id) == {"user": {"followerCount": 0, "followingCount": 0}, "followers": [], "following": []})
    eventually(lambda: lists(fan.id) == {"user": {"followerCount": 0, "followingCount": 0}, "followers": [], "following": []})


def test_nobody_signed_in_has_no_account(address: str) -> None:
    for query, variables in ((UPDATE, {"input": {}}), (DELETE, {"email": "a@example.org"})):
        answer = requests.post(f"{address}/graphql", json={"query": query, "variables": variables}, timeout=10).json()
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]
