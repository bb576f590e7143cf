"""Sign-up, sign-in, refresh and sign-out, through GraphQL."""

import threading
import uuid
from typing import Any

import pytest
import requests

from services.contracts.errors import NotFound, Unauthenticated
from services.contracts.users import Role, Users

SESSION = "accessToken refreshToken expiresIn user { id name email roles } userErrors { code message field }"


@pytest.fixture
def email() -> str:
    return f"{uuid.uuid4().hex}@Example.org"


def run(address: str, mutation: str, selection: str, token: str | None = None, **values: Any) -> Any:
    kind = mutation[0].upper() + mutation[1:] + "Input!"
    query = f"mutation M($input: {kind}) {{ {mutation}(input: $input) {{ {selection} }} }}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.post(f"{address}/graphql", json={"query": query, "variables": {"input": values}}, headers=headers, timeout=15)
    return answer.json()["data"][mutation]


def sign_up(address: str, email: str, **changes: Any) -> Any:
    return run(
        address,
        "signUp",
        "user { id } userErrors { code field }",
        **{"name": "Ann", "email": email, "password": "correct horse", **changes},
    )


def test_from_sign_up_to_sign_out(address: str, email: str) -> None:
    assert sign_up(address, email)["userErrors"] == []
    session = run(address, "signIn", SESSION, email=email.upper(), password="correct horse")
    assert session["user"]["roles"] == ["FAN"]
    me = {"query": "{me{email}}"}
    seen = requests.post(f"{address}/graphql", json=me, headers={"Authorization": f"Bearer {session['accessToken']}"}, timeout=10)
    assert seen.json() == {"data": {"me": {"email": email}}}
    fresh = run(address, "refresh", SESSION, refreshToken=session["refreshToken"])
    assert fresh["refreshToken"] != session["refreshToken"]
    assert run(address, "signOut", "userErrors { code }", refreshToken=fresh["refreshToken"]) == {"userErrors": []}
    ended = run(address, "refresh", SESSION, refreshToken=fresh["refreshToken"])
    assert [error["code"] for error in ended["userErrors"]] == ["UNAUTHENTICATED"]


def test_an_address_is_taken_whatever_its_case_and_a_repeated_sign_up_is_the_same_person(address: str, email: str) -> None:
    first = sign_up(address, email)
    assert sign_up(address, email) == first
    taken = sign_up(address, email.lower(), name="Bob")
    assert [error["code"] for error in taken["userErrors"]] == ["EMAIL_TAKEN"]
    assert [error["code"] for error in sign_up(address, email, password="another one")["userErrors"]] == ["EMAIL_TAKEN"]


def test_many_sign_ups_of_one_address_at_once_make_one_person(address: str, email: str) -> None:
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(sign_up(address, email, name=f"Ann {n}"))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answer["user"] is not None for answer in answers) == 1


@pytest.mark.parametrize("password", ["wrong password", "correct horse "])
def test_a_wrong_password_and_an_unknown_address_are_told_the_same(address: str, email: str, password: str) -> None:
    sign_up(address, email)
    wrong = run(address, "signIn", SESSION, email=email, password=password)
    unknown = run(address, "signIn", SESSION, email=f"x{email}", password=password)
    assert wrong == unknown
    assert [error["code"] for error in wrong["userErrors"]] == ["UNAUTHENTICATED"]


def test_a_refresh_token_used_again_later_ends_the_session(users: Users, email: str) -> None:
    users.sign_up(name="Ann", email=email, password="correct horse")
    first = users.sign_in(email=email, password="correct horse").refresh_token
    second = users.refresh(refresh_token=first).refresh_token
    third = users.refresh(refresh_token=second).refresh_token
    with pytest.raises(Unauthenticated, match="used before"):
        users.refresh(refresh_token=first)
    with pytest.raises(Unauthenticated):
        users.refresh(refresh_token=third)


def test_two_tabs_that_refresh_at_once_both_go_on(users: Users, email: str) -> None:
    users.sign_up(name="Ann", email=email, password="correct horse")
    token = users.sign_in(email=email, password="correct horse").refresh_token
    assert users.refresh(refresh_token=token).refresh_token != users.refresh(refresh_token=token).refresh_token


def test_roles_are_given_by_operators(users: Users, email: str) -> None:
    user = users.sign_up(name="Ann", email=email, password="correct horse")
    assert users.set_roles(user_id=user.id, roles=[Role.OPERATOR, Role.FAN]).roles == [Role.FAN, Role.OPERATOR]
    with pytest.raises(NotFound):
        users.set_roles(user_id=str(uuid.uuid4()), roles=[Role.FAN])


BECOME_CREATOR = {"query": "mutation{becomeCreator{user{roles} userErrors{code}}}"}


def test_who_becomes_a_creator_may_sell_with_the_next_access_token(address: str, email: str) -> None:
    sign_up(address, email)
    session = run(address, "signIn", SESSION, email=email, password="correct horse")
    headers = {"Authorization": f"Bearer {session['accessToken']}"}
    for _ in range(2):
        answer = requests.post(f"{address}/graphql", json=BECOME_CREATOR, headers=headers, timeout=10).json()
        assert answer == {"data": {"becomeCreator": {"user": {"roles": ["CREATOR", "FAN"]}, "userErrors": []}}}
    over_rest = requests.post(f"{address}/creator", headers=headers, timeout=10)
    assert over_rest.json() == {"userId": session["user"]["id"], "roles": ["CREATOR", "FAN"]}
    fresh = run(address, "refresh", SESSION, refreshToken=session["refreshToken"])
    wish = {"idempotencyKey": "k", "name": "A hat", "price": {"amount": 1, "currency": "EUR"}}
    product = run(address, "createProduct", "product { name } userErrors { code }", token=fresh["accessToken"], **wish)
    assert product == {"product": {"name": "A hat"}, "userErrors": []}


def test_becoming_a_creator_again_changes_nothing(users: Users, email: str) -> None:
    user = users.sign_up(name="Ann", email=email, password="correct horse")
    first = users.become_creator(user_id=user.id)
    assert (first.roles, first.version) == ([Role.CREATOR, Role.FAN], user.version + 1)
    assert users.become_creator(user_id=user.id) == first
    with pytest.raises(NotFound):
        users.become_creator(user_id=str(uuid.uuid4()))


def test_nobody_is_made_a_creator_by_somebody_else(address: str, email: str) -> None:
    answer = requests.post(f"{address}/graphql", json=BECOME_CREATOR, timeout=10).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]
    assert requests.post(f"{address}/creator", timeout=10).status_code == 401
