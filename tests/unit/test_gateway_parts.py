"""The gateway's parts that need no server."""

import base64
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.documents import Documents
from gateway.schema import load_schema
from gateway.settings import GatewaySettings
from gateway.tokens import Tokens
from services.contracts.errors import Unauthenticated
from services.contracts.users import Role, User
from services.kernel.tokens import public_key_of

SEED = base64.urlsafe_b64encode(bytes(32)).decode()


def tokens(life_s: int = 60, seed: str = SEED) -> Tokens:
    return Tokens(seed, "livedrops", life_s)


USER = User(str(uuid.uuid4()), "Ann", "ann@example.org", [Role.FAN, Role.CREATOR], datetime.now(UTC))


class TestTokens:
    def test_a_token_says_who_it_is(self) -> None:
        viewer = tokens().viewer(f"Bearer {tokens().issue(USER)}")
        assert viewer is not None
        assert (viewer.id, viewer.roles) == (USER.id, (Role.FAN, Role.CREATOR))

    def test_nobody_is_nobody(self) -> None:
        assert tokens().viewer(None) is None

    def test_a_token_known_by_its_text_still_expires(self, monkeypatch: pytest.MonkeyPatch) -> None:
        desk = tokens()
        header = f"Bearer {desk.issue(USER)}"
        desk.viewer(header)
        late = time.time() + 61
        monkeypatch.setattr(time, "time", lambda: late)
        with pytest.raises(Unauthenticated, match="expired"):
            desk.viewer(header)

    @pytest.mark.parametrize("header", ["Bearer", "Bearer x.y.z", "Basic abc", "Bearer " + "a" * 5000, "garbage"])
    def test_what_is_no_token_is_refused(self, header: str) -> None:
        with pytest.raises(Unauthenticated):
            tokens().viewer(header)

    def test_a_token_of_another_key_or_without_signature_is_refused(self) -> None:
        claims = {"iss": "livedrops", "sub": USER.id, "exp": time.time() + 60, "roles": ["OPERATOR"]}
        foreign = jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA")
        unsigned = jwt.encode(claims, "", algorithm="none")
        for token in (foreign, unsigned):
            with pytest.raises(Unauthenticated):
                tokens().viewer(f"Bearer {token}")

    def test_tokens_of_both_keys_hold_while_keys_are_changed(self) -> None:
        other = base64.urlsafe_b64encode(bytes([1]) * 32).decode()
        before, after = tokens().issue(USER), tokens(seed=other).issue(USER)
        changing = Tokens(other, "livedrops", 60, others=f" {public_key_of(SEED)} ,")
        assert all(changing.viewer(f"Bearer {token}") for token in (before, after))
        assert [jwt.PyJWK(key).key_id for key in changing.key_set()["keys"]] == [None, None]
        with pytest.raises(Unauthenticated):
            Tokens(other, "livedrops", 60).viewer(f"Bearer {before}")
        with pytest.raises(Unauthenticated, match="expired"):
            changing.viewer(f"Bearer {tokens(life_s=-1).issue(USER)}")

    def test_the_key_set_checks_our_tokens(self) -> None:
        key = jwt.PyJWK(tokens().key_set()["keys"][0])
        assert jwt.decode(tokens().issue(USER), key, algorithms=["EdDSA"], issuer="livedrops")["sub"] == USER.id


def documents(**changes: Any) -> Documents:
    settings = GatewaySettings(broker_url="amqp://x", redis_url="redis://x", jwt_key=SEED, **changes)
    return Documents(load_schema(), settings)


class TestDocuments:
    def test_a_sound_query_is_prepared_once(self) -> None:
        desk = documents()
        assert desk.prepare("{me{id}}") is desk.prepare("{me{id}}")
        assert not desk.prepare("{me{id}}").errors

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ("{me{id}", "Syntax Error"),
            ("{nothing}", "Cannot query field"),
            ("{me{" + "id " * 600 + "}}", "more than 500 tokens"),
            ("{" + " ".join(f"a{n}:me{{id}}" for n in range(9)) + "}", "aliases"),
            ("{me{...F}} fragment F on User{...F}", "Cannot spread"),
            ("{myOrders(first:100){edges{node{unitPrice{amount}}}}}", "costs more"),
            ("query($n:Int!){myOrders(first:$n){edges{node{unitPrice{amount}}}}}", "costs more"),
            ("{myOrders{edges{node{unitPrice{amount}}}}}", "nested deeper"),
        ],
    )
    def test_what_passes_a_bound_is_refused(self, query: str, told: str) -> None:
        bounds: dict[str, Any] = {"max_aliases": 8, "max_tokens": 500, "max_cost": 100}
        if told == "nested deeper":
            bounds = {"max_depth": 3}
        errors = documents(**bounds).prepare(query).errors
        assert any(told in error.message for error in errors), errors

    def test_fragments_can_not_hide_depth_or_cost(self) -> None:
        chain = "{...F0} " + " ".join(f"fragment F{n} on Query {{...F{n + 1}}}" for n in range(20)) + " fragment F20 on Query {me{id}}"
        assert documents().prepare(chain).errors
        wide = "{...A} fragment A on Query {...B ...B ...B} fragment B on Query {...C ...C ...C} fragment C on Query {me{id}}"
        assert documents(max_cost=20).prepare(wide).cost >= 9

    def test_fragments_that_multiply_are_refused_at_once(self) -> None:
        spread = " ".join(f"fragment F{n} on User {{{f'...F{n + 1} ' * 20}}}" for n in range(8)) + " fragment F8 on User {id}"
        errors = documents().prepare("{me{...F0}} " + spread).errors
        assert any("too large" in error.message for error in errors)

    def test_an_order_costs_more_than_a_look(self) -> None:
        look = documents().prepare("{me{id}}").points
        order = documents().prepare('mutation{placeOrder(input:{dropId:"x",idempotencyKey:"k"}){order{id}}}').points
        assert order > look

    @pytest.mark.parametrize("connection", ["followers(creatorId:1)", "following(userId:1)", "mutualFollows(userId:1)", "myOrders"])
    def test_a_list_weighs_as_many_as_it_answers(self, connection: str) -> None:
        cost = documents().prepare(f"{{{connection}{{edges{{node{{id}}}}}}}}").cost
        assert cost >= 40
        if "(" in connection:
            few = documents().prepare(f"{{{connection.replace(')', ' first:2)')}{{edges{{node{{id}}}}}}}}").cost
            assert few == cost - 2 * 18

    def test_a_page_of_many_is_far_inside_what_a_person_may_ask(self) -> None:
        page = "query($n:Int!){followers(creatorId:1,first:$n){edges{cursor node{id displayName}} pageInfo{endCursor}}}"
        assert 1 < documents().prepare(page).points <= 20

    def test_a_list_inside_a_list_is_asked_for_once_an_object(self) -> None:
        def points(first: int) -> int:
            return documents().prepare(f"{{products(first:{first}){{edges{{node{{id drops(first:1){{edges{{node{{id}}}}}}}}}}}}}}").points

        assert points(50) - points(1) >= 2 * 49
        assert documents().prepare("{drops(first:1){edges{node{id}}}}").points <= 3

    def test_introspection_can_be_switched_off(self) -> None:
        assert documents(introspection=False).prepare("{__schema{types{name}}}").errors
        assert not documents().prepare("{__schema{types{name}}}").errors
