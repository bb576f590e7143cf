"""Which documents the short way of an order knows, and what it answers to a late one."""

from typing import Any

import msgspec
import pytest

from gateway.documents import Documents
from gateway.order_lane import known_document
from gateway.schema import load_schema
from gateway.settings import GatewaySettings
from tests.unit.test_gateway_parts import SEED

SCHEMA = load_schema()


@pytest.fixture(scope="module")
def documents() -> Documents:
    return Documents(SCHEMA, GatewaySettings.model_validate({"broker_url": "amqp://x", "redis_url": "redis://x", "jwt_key": SEED}))


def test_the_answer_has_the_fields_and_names_that_the_document_asks_for(documents: Documents) -> None:
    text = "mutation Buy($wish: PlaceOrderInput!) {bought: placeOrder(input: $wish) {why: userErrors {code message field} order {id}}}"
    known = known_document(SCHEMA, documents, text)
    assert known is not None
    assert (known.variable, known.operation, known.points) == ("wish", "Buy", 5)
    error = {"code": "SOLD_OUT", "message": "Sold out: no unit is left.", "field": None}
    assert msgspec.json.decode(known.sold_out) == {"data": {"bought": {"why": [error], "order": None}}}


ORDINARY = (
    '{drop(id:"x"){name}}',
    "mutation($i:FollowInput!){follow(input:$i){isFollowing}}",
    "mutation($i:PlaceOrderInput!){a:placeOrder(input:$i){order{id}} b:placeOrder(input:$i){order{id}}}",
    "mutation($i:PlaceOrderInput!,$no:Boolean!){placeOrder(input:$i)@skip(if:$no){order{id}}}",
    "mutation($i:PlaceOrderInput!){placeOrder(input:$i){order{id} ...@include(if:false){userErrors{code}}}}",
    'mutation($id:ID!){placeOrder(input:{dropId:$id,idempotencyKey:"k"}){order{id}}}',
    "mutation A($i:PlaceOrderInput!){placeOrder(input:$i){order{id}}} mutation B($i:PlaceOrderInput!){placeOrder(input:$i){order{id}}}",
    "mutation($i:PlaceOrderInput!){placeOrder(input:$i){nothing}}",
    "mutation($i:PlaceOrderInput!){placeOrder(input:$i){order",
    "",
)


@pytest.mark.parametrize("text", ORDINARY, ids=range(len(ORDINARY)))
def test_every_other_document_goes_the_ordinary_way(documents: Documents, text: Any) -> None:
    assert known_document(SCHEMA, documents, text) is None
