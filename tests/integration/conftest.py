"""People whom the users service knows."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests

from gateway.tokens import Tokens
from services.contracts.users import Role, Users
from tests.conftest import Person, eventually

PASSWORD = "correct horse"
FOLLOW = "mutation($id:ID!){follow(input:{creatorId:$id}){creator{id isFollowing} isFollowing followedAt userErrors{code field}}}"


class Member(Person):
    """A person whom the users service knows. It hashes each password, so make no more of them than a test needs."""

    email = ""

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of an answer that has no errors."""
        answer = self.graphql(query, variables).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def codes(self, query: str, **variables: Any) -> list[tuple[str, str | None]]:
        """Codes and fields of an answer's errors."""
        return [
            (error["extensions"]["code"], error["extensions"].get("field")) for error in self.graphql(query, variables).json()["errors"]
        ]

    def follow(self, other: "Person | str") -> Any:
        return self.ask(FOLLOW, id=other if isinstance(other, str) else other.id)["follow"]

    def post(self, path: str, body: Any) -> requests.Response:
        return self.http.post(f"{self._address}{path}", json=body, timeout=15)


@pytest.fixture(scope="session")
def member(address: str, tokens: Tokens, users: Users) -> Callable[..., Member]:
    def make(name: str = "Somebody", *roles: Role) -> Member:
        email = f"{uuid.uuid4().hex}@Example.org"
        user = users.sign_up(name=name, email=email, password=PASSWORD)
        if roles:
            user = users.set_roles(user_id=user.id, roles=list(roles))
        made = Member(address, tokens, user)
        made.email = email
        return made

    return make


@pytest.fixture(scope="session")
def crowd(member: Callable[..., Member], users: Users) -> tuple[Member, list[Member]]:
    """A creator and five followers, the last one first, as the list has them. Tests leave them as they are."""
    creator = member("Crowd Puller", Role.CREATOR, Role.FAN)
    fans = [member(name) for name in ("Ánna", "anna maria", "Bob", "Annabel", "Zoe")]
    for fan in fans:
        fan.follow(creator)
    eventually(lambda: len(users.list_followers(creator_id=creator.id).people) == len(fans))
    return creator, fans[::-1]
