"""GraphQL over HTTP through the ingress, as its specification says: https://graphql.github.io/graphql-over-http/draft/"""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests

from services.contracts.orders import Stock
from tests.conftest import Person

STRICT = "application/graphql-response+json"


def post(address: str, body: Any = None, data: bytes | None = None, **headers: str) -> requests.Response:
    if data is not None:
        headers = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return requests.post(f"{address}/graphql", data=data, headers=headers, timeout=10)
    return requests.post(
        f"{address}/graphql", json=body, headers={name.replace("_", "-"): value for name, value in headers.items()}, timeout=10
    )


@pytest.mark.parametrize(
    ("accept", "content_type"), [("application/json", "application/json"), (STRICT, STRICT), ("*/*", "application/json")]
)
def test_the_answer_has_the_media_type_that_was_asked_for(address: str, accept: str, content_type: str) -> None:
    answer = post(address, {"query": "{__typename}"}, Accept=accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{content_type}; charset=utf-8"
    assert answer.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    ("body", "strict_status"),
    [({"query": "{"}, 400), ({"query": "{nothing}"}, 400), ({"query": "query($a:Int!){myOrders(first:$a){edges{cursor}}}"}, 400)],
)
def test_a_request_that_can_not_run_is_400_in_the_strict_type_and_200_in_plain_json(address: str, body: Any, strict_status: int) -> None:
    strict, plain = post(address, body, Accept=STRICT), post(address, body, Accept="application/json")
    assert (strict.status_code, plain.status_code) == (strict_status, 200)
    for answer in (strict, plain):
        assert "data" not in answer.json()
        assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID_INPUT"


BAD_BODIES = (
    *(b"[]", b'[{"query":"{__typename}"}]', b"5", b'"x"', b"null", b"{", b"", b"\xff", b"{}", b'{"query":5}', b'{"query":""}'),
    *(b'{"query":"{__typename}","variables":[1]}', b'{"query":"{__typename}","operationName":5}'),
    *(b'{"query":"{__typename}","extensions":"x"}', b'{"query":' * 5000),
)


@pytest.mark.parametrize("data", BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_a_body_that_is_no_request_is_400(address: str, data: bytes) -> None:
    answer = post(address, data=data)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID_INPUT"


def test_null_variables_and_operation_name_are_fine(address: str) -> None:
    body = {"query": "query A{__typename}", "variables": None, "operationName": None, "extensions": None}
    assert post(address, body).json() == {"data": {"__typename": "Query"}}


def test_an_unknown_operation_name_is_an_error_of_the_request(address: str) -> None:
    answer = post(address, {"query": "query A{__typename}", "operationName": "B"}, Accept=STRICT)
    assert answer.status_code == 400


def test_several_operations_need_a_name(address: str) -> None:
    answer = post(address, {"query": "query A{__typename} query B{__typename}"}, Accept=STRICT)
    assert answer.status_code == 400


def test_a_query_may_come_by_get_and_a_mutation_may_not(address: str) -> None:
    query = requests.get(f"{address}/graphql", params={"query": "{__typename}"}, timeout=10)
    assert query.json() == {"data": {"__typename": "Query"}}
    mutation = requests.get(
        f"{address}/graphql", params={"query": 'mutation{signOut(input:{refreshToken:"x"}){userErrors{code}}}'}, timeout=10
    )
    assert mutation.status_code == 405
    assert "POST" in mutation.headers["Allow"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_405(address: str, method: str) -> None:
    answer = requests.request(method, f"{address}/graphql", timeout=10)
    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.headers["Allow"].replace(" ", "").split(","))


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_another_content_type_is_415(address: str, content_type: str) -> None:
    answer = requests.post(f"{address}/graphql", data=b"query={__typename}", headers={"Content-Type": content_type}, timeout=10)
    assert answer.status_code == 415


def test_a_body_that_is_too_large_is_413(address: str) -> None:
    answer = post(address, {"query": "{__typename}", "variables": {"x": "y" * 70_000}})
    assert answer.status_code == 413
    assert answer.json()["errors"]


def test_an_unknown_address_is_a_problem(address: str) -> None:
    answer = requests.get(f"{address}/nothing", timeout=10)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json; charset=utf-8")
    assert answer.json()["code"] == "NOT_FOUND"


def test_the_request_id_comes_back_and_a_strange_one_is_replaced(address: str) -> None:
    assert post(address, {"query": "{__typename}"}, X_Request_Id="mine-1").headers["x-request-id"] == "mine-1"
    assert len(post(address, {"query": "{__typename}"}, X_Request_Id="x" * 500).headers["x-request-id"]) <= 128


def test_a_token_that_does_not_hold_is_401(address: str) -> None:
    answer = post(address, {"query": "{__typename}"}, Authorization="Bearer nonsense")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_nobody_signed_in_is_an_error_with_its_path(address: str) -> None:
    answer = post(address, {"query": "{me{id}}"}, Accept=STRICT)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["path"] == ["me"]


def test_a_drop_and_its_live_stock_can_be_read_by_anybody(
    address: str, open_drop: Callable[..., Stock], person: Callable[..., Person]
) -> None:
    drop = open_drop(total=5)
    assert person().buy(drop.drop_id, 2).json()["data"]["placeOrder"]["order"]["quantity"] == 2
    query = "query($id:ID!){drop(id:$id){name state unitPrice{amount currency} stock{total available held sold version}}}"
    seen = post(address, {"query": query, "variables": {"id": drop.drop_id}}).json()["data"]["drop"]
    assert seen["stock"] == {"total": 5, "available": 3, "held": 0, "sold": 2, "version": 2}
    assert (seen["name"], seen["state"], seen["unitPrice"]) == ("A shirt", "LIVE", {"amount": 4900, "currency": "EUR"})
    assert post(address, {"query": query, "variables": {"id": str(uuid.uuid4())}}).json() == {"data": {"drop": None}}


def test_one_mutation_after_another_in_one_request(open_drop: Callable[..., Stock], person: Callable[..., Person]) -> None:
    drop = open_drop(total=5)
    wish = f'placeOrder(input:{{dropId:"{drop.drop_id}",idempotencyKey:"KEY"}}){{order{{quantity}} userErrors{{code}}}}'
    answer = person().graphql("mutation{" + f"a:{wish} b:{wish}".replace("KEY", "k", 1).replace("KEY", "k") + "}").json()
    assert answer["data"]["a"] == answer["data"]["b"] == {"order": {"quantity": 1}, "userErrors": []}


def test_a_sold_out_drop_answers_every_new_key_and_still_knows_the_old_ones(
    open_drop: Callable[..., Stock], person: Callable[..., Person]
) -> None:
    drop, first = open_drop(total=1), person()
    bought = first.buy(drop.drop_id, key="mine").json()["data"]["placeOrder"]
    for _ in range(20):  # enough for both gateways to learn it
        other = person().buy(drop.drop_id).json()["data"]["placeOrder"]
        assert [error["code"] for error in other["userErrors"]] == ["SOLD_OUT"]
    for _ in range(6):
        assert first.buy(drop.drop_id, key="mine").json()["data"]["placeOrder"] == bought


LATE = "mutation Late($i:PlaceOrderInput!{more}){{p:placeOrder(input:$i){{order{{id}} userErrors{{code message field}}}}}}"
# The second document is the same but for a directive that changes nothing.
SHORT, ORDINARY = LATE.format(more=""), LATE.format(more=",$no:Boolean=false").replace("order{", "order@skip(if:$no){")


def test_a_late_order_is_answered_alike_by_the_short_and_the_ordinary_way(
    open_drop: Callable[..., Stock], person: Callable[..., Person], address: str
) -> None:
    drop, buyer = open_drop(total=1), person()
    buyer.buy(drop.drop_id)

    def late(document: str, operation: str | None = None) -> requests.Response:
        wish = {"dropId": drop.drop_id, "idempotencyKey": uuid.uuid4().hex}
        body = {"query": document, "variables": {"i": wish}, "operationName": operation}
        return buyer.http.post(f"{address}/graphql", json=body, timeout=10)

    for _ in range(20):  # enough for both gateways to learn it
        late(ORDINARY)
    for operation in (None, "Late"):
        short, ordinary = late(SHORT, operation), late(ORDINARY, operation)
        assert short.json()["data"]["p"]["userErrors"][0]["code"] == "SOLD_OUT"
        assert short.content == ordinary.content
        assert short.headers.keys() == ordinary.headers.keys()
        same = set(short.headers) - {"date", "x-request-id", "X-Request-Id"}
        assert {name: short.headers[name] for name in same} == {name: ordinary.headers[name] for name in same}
    assert "data" not in late(SHORT, "Other").json()


def test_an_order_is_answered_alike_by_the_short_and_the_ordinary_way(
    open_drop: Callable[..., Stock], person: Callable[..., Person], address: str
) -> None:
    drop, buyer = open_drop(total=5, per_user_limit=2), person()

    def ask(document: str, **wish: Any) -> requests.Response:
        asked = {"dropId": drop.drop_id, "idempotencyKey": "k", **wish}
        return buyer.http.post(f"{address}/graphql", json={"query": document, "variables": {"i": asked}}, timeout=10)

    assert len(ask(SHORT).json()["data"]["p"]["order"]["id"]) > 0
    again: list[dict[str, Any]] = [
        {},
        {"quantity": 2},
        {"idempotencyKey": "more", "quantity": 3},
        {"dropId": str(uuid.uuid4())},
        {"dropId": None},
    ]
    for wish in again:  # the same order, a key reused, above the limit, no such drop, a wrong one
        short, ordinary = ask(SHORT, **wish), ask(ORDINARY, **wish)
        assert short.status_code == ordinary.status_code == 200
        assert _without_places(short) == _without_places(ordinary)
        assert short.headers.keys() == ordinary.headers.keys()


def _without_places(answer: requests.Response) -> Any:
    """An answer without where in the document its errors are: the two documents differ there."""
    body = answer.json()
    for error in body.get("errors", ()):
        del error["locations"]
    return body


@pytest.mark.parametrize(
    "wish", [{"quantity": 0}, {"quantity": "1"}, {"quantity": None}, {"idempotencyKey": ""}, {"dropId": "x"}, {"more": 1}]
)
def test_a_wrong_late_order_is_refused_as_any_other(
    open_drop: Callable[..., Stock], person: Callable[..., Person], wish: dict[str, Any]
) -> None:
    drop, buyer = open_drop(total=1), person()
    for _ in range(20):
        buyer.buy(drop.drop_id)
    asked = {"dropId": drop.drop_id, "idempotencyKey": uuid.uuid4().hex, **wish}
    short, ordinary = (buyer.graphql(document, {"i": asked}).json() for document in (SHORT, ORDINARY))
    assert str(short).count("SOLD_OUT") == 0
    assert short.get("data") == ordinary.get("data")
    assert [error["extensions"]["code"] for error in short.get("errors", ())] == [
        error["extensions"]["code"] for error in ordinary.get("errors", ())
    ]


def test_a_late_order_needs_a_sign_in(open_drop: Callable[..., Stock], person: Callable[..., Person], address: str) -> None:
    drop, buyer = open_drop(total=1), person()
    for _ in range(20):
        buyer.buy(drop.drop_id)
    wish = {"dropId": drop.drop_id, "idempotencyKey": uuid.uuid4().hex}
    unknown = post(address, {"query": SHORT, "variables": {"i": wish}})
    assert unknown.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    forged = post(address, {"query": SHORT, "variables": {"i": wish}}, Authorization="Bearer x.y.z")
    assert forged.status_code == 401


def test_rest_places_and_reads_an_order(open_drop: Callable[..., Stock], person: Callable[..., Person]) -> None:
    drop, buyer = open_drop(total=5), person()
    placed = buyer.post_order(drop.drop_id, 2, "k")
    assert placed.status_code == 201
    assert buyer.post_order(drop.drop_id, 2, "k").json() == placed.json()
    assert buyer.get(f"/order/{placed.json()['id']}").json() == placed.json()
    assert person().get(f"/order/{placed.json()['id']}").status_code == 404
    reused = buyer.post_order(drop.drop_id, 1, "k")
    assert (reused.status_code, reused.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_my_orders_is_a_relay_connection(open_drop: Callable[..., Stock], person: Callable[..., Person]) -> None:
    from tests.conftest import eventually

    drop, buyer = open_drop(total=5), person()
    made = [buyer.post_order(drop.drop_id).json()["id"] for _ in range(3)]
    query = "query($after:String){myOrders(first:2,after:$after){edges{node{id}} pageInfo{hasNextPage endCursor}}}"

    def page(after: str | None = None) -> Any:
        return buyer.graphql(query, {"after": after}).json()["data"]["myOrders"]

    eventually(lambda: page()["pageInfo"]["hasNextPage"])
    first = page()
    second = page(first["pageInfo"]["endCursor"])
    assert [edge["node"]["id"] for edge in first["edges"] + second["edges"]] == made[::-1]
    assert second["pageInfo"] == {"hasNextPage": False, "endCursor": None}
