"""People whom the users service knows, and those who sell."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests

from gateway.tokens import Tokens
from services.contracts.products import NewProduct, Product, Products
from services.contracts.users import Role, Users
from services.contracts.values import Money
from services.kernel.rpc_client import RpcClient
from tests.conftest import Person, eventually
from tests.integration.selling import Seller
from tests.integration.uploading import Uploader

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


@pytest.fixture
def seller(person: Callable[..., Person]) -> Seller:
    return Seller(person(Role.CREATOR, Role.FAN))


@pytest.fixture(scope="session")
def products(operations: RpcClient) -> Products:
    return operations.service("products", Products)


@pytest.fixture(scope="session")
def make_product(products: Products) -> Callable[..., Product]:
    """A product of a creator, or of one whom nobody knows; keywords change what it is."""

    def make(creator_id: str | None = None, **changes: Any) -> Product:
        product = NewProduct(**{"name": "A shirt", "price": Money(4900, "EUR"), **changes})
        return products.create_product(product_id=str(uuid.uuid4()), creator_id=creator_id or str(uuid.uuid4()), product=product)

    return make


@pytest.fixture
def uploader(address: str, person: Callable[..., Person]) -> Uploader:
    made = Uploader(address, person(Role.CREATOR))
    eventually(made.is_served)
    return made
