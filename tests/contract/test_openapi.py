"""The OpenAPI document is sound, is the one that is checked in, and says what the gateway really does."""

import base64
import inspect
import re
import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from flask import Flask
from msgspec import structs
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway import inputs, openapi, presenters
from gateway.app import make_app
from gateway.context import Gateway
from gateway.rest import shapes
from gateway.rest.operations import OPERATIONS
from gateway.settings import GatewaySettings
from services.contracts import products, schemas
from services.contracts.errors import BY_CODE, StaleVersion
from services.contracts.notifications import (
    Channel,
    Endpoint,
    EndpointKind,
    Muted,
    NewEndpoint,
    Notice,
    NoticeKind,
    Notification,
    Preferences,
)
from services.contracts.orders import Order, OrderStatus, PlaceOrder, Stock, StockState
from services.contracts.products import Drop, DropState, Product
from services.contracts.search import Facet, FacetValue, Highlight, SearchHit, SearchKind
from services.contracts.users import FollowState, Profile
from services.contracts.values import Money
from services.kernel import problems
from services.kernel.metrics import Metrics
from services.kernel.process import Process
from services.products.media.app import assemble
from services.products.media.app import make_app as make_media_app
from services.products.media.settings import MediaSettings

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ID = str(uuid.uuid4())
ORDER_ID = f"{uuid.uuid4().hex}-{uuid.uuid4().hex}"
PRICE = Money(4900, "EUR")
STOCK = Stock(ID, ID, "x", NOW, NOW, 10, 9, 0, 1, PRICE, None, 3, StockState.ENDED)
CARD = Drop(ID, ID, ID, "x", NOW, NOW, 10, 2, PRICE, {"a": "b"}, DropState.CANCELLED, NOW, 2, NOW, NOW)
NOTICE = Notice(ID, NoticeKind.ORDER_CANCELLED, NOW, "x", ID, ID, ORDER_ID, 1, reason="y")
PROFILE = Profile(ID, "Ann", "", "", True, NOW, 1)
HIT = SearchHit(
    *(SearchKind.DROP, ID, "x", ID, "Ann", 1.0, NOW, 3, PRICE, ["a"], [ID], ID, NOW, NOW, DropState.LIVE),
    [Highlight("name", ["<em>x</em>"])],
)


@pytest.fixture(scope="module")
def app(metrics: Metrics) -> Flask:
    """The application of a gateway that is connected to nothing."""
    seed = base64.urlsafe_b64encode(bytes(32)).decode()
    settings = GatewaySettings(broker_url="amqp://x", redis_url="redis://127.0.0.1:1", jwt_key=seed)
    return make_app(Gateway(Process(settings, metrics)))


def test_the_document_is_sound() -> None:
    OpenAPIV31SpecValidator(openapi.document()).validate()


def test_the_checked_in_document_is_what_the_code_says() -> None:
    assert (schemas.FOLDER / openapi.FILE_NAME).read_text() == schemas.text_of(openapi.document()), "run `make contracts`"


def test_every_route_of_the_media_unit_is_described(metrics: Metrics) -> None:
    key = base64.urlsafe_b64encode(bytes(32)).decode()
    settings = MediaSettings(
        broker_url="amqp://x",
        redis_url="redis://127.0.0.1:1",
        products_postgres_url="postgresql://x",
        jwt_public_key=key,
        media_mongo_url="mongodb://127.0.0.1:1",
    )
    media = assemble(Process(settings, metrics))
    routes = {
        (method.lower(), re.sub(r"<(?:uuid:)?(upload|media)>", "{media_id}", rule.rule).replace("<name>", "{name}"))
        for rule in make_media_app(media).url_map.iter_rules()
        if rule.rule.startswith("/media")
        for method in (rule.methods or set())
    }
    media.close()
    described = {
        (method, path)
        for path, operations in openapi.document()["paths"].items()
        if path.startswith("/media")
        for method in operations
        if method != "parameters"
    }
    # Flask answers HEAD wherever it answers GET; OPTIONS of each upload says what the one of all says.
    assert described <= routes
    assert {method for method, _ in routes - described} <= {"head", "options"}


def test_every_rest_route_is_described_and_nothing_else(app: Flask) -> None:
    routes = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule), rule.endpoint.removeprefix("rest."))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("rest.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(operation.method, operation.path, operation.name) for operation in OPERATIONS} == routes


def test_what_needs_a_sign_in_says_so(app: Flask) -> None:
    client = app.test_client()
    for operation in OPERATIONS:
        path = re.sub(r"{order_id}", ORDER_ID, re.sub(r"{(user|product|drop|endpoint)_id}", ID, operation.path))
        if operation.signed_in:
            assert client.open(path, method=operation.method, json={}).status_code == 401, operation


@pytest.mark.parametrize(
    ("shown", "shape"),
    [
        (presenters.order(Order(ORDER_ID, ID, ID, 1, OrderStatus.HELD, PRICE, NOW, "x")), shapes.Order),
        (presenters.follow_state(FollowState(ID, ID, False, None, 2)), shapes.FollowState),
        ({**presenters.profile(PROFILE), "followedAt": NOW}, shapes.Person),
        (presenters.product(Product(ID, ID, "x", PRICE, "", ["a"], [ID], 1, NOW, NOW)), shapes.Product),
        (presenters.drop(STOCK, CARD), shapes.Drop),
        (presenters.drop(STOCK, None), shapes.Drop),
        (presenters.search_hit(HIT), shapes.SearchHit),
        (presenters.search_hit(structs.replace(HIT, price=None, state=None, media=[], highlights=[])), shapes.SearchHit),
        (presenters.notification(Notification(NOTICE, True, 1, False)), shapes.Notification),
        (presenters.preferences(Preferences([Muted(NoticeKind.DROP_STARTED, Channel.LIVE)], [ID])), shapes.NotificationPreferences),
        (presenters.endpoint(Endpoint(ID, EndpointKind.EMAIL, None, True, NOW)), shapes.Endpoint),
        (presenters.facet(Facet("kind", [FacetValue("DROP", 3)])), shapes.Facet),
    ],
)
def test_answers_have_the_shape_that_is_described(shown: dict[str, Any], shape: type[msgspec.Struct]) -> None:
    described = msgspec.json.decode(msgspec.json.encode(shown), type=shape)
    assert msgspec.to_builtins(described) == msgspec.to_builtins(shown)


@pytest.mark.parametrize(
    "kind", [products.NewProduct, products.ProductChange, products.NewDrop, products.DropChange, Preferences, NewEndpoint]
)
def test_bodies_have_the_fields_that_are_read(kind: type[msgspec.Struct]) -> None:
    described = getattr(shapes, kind.__name__)
    more = {"productId"} if kind is products.NewDrop else set()
    assert set(described.__struct_encode_fields__) == inputs.client_names(kind) | more


def test_an_order_has_the_fields_that_are_read() -> None:
    assert set(shapes.NewOrder.__struct_encode_fields__) == inputs.client_names(PlaceOrder) - {"userId", "idempotencyKey"}


def test_a_problem_has_the_shape_that_is_described() -> None:
    problem = problems.as_problem(StaleVersion(version=3), "id", 412)
    assert msgspec.convert(problem, shapes.Problem).status == 412
    required = {name for name, parameter in inspect.signature(shapes.Problem).parameters.items() if parameter.default is parameter.empty}
    assert {inputs.client_name(name) for name in required} <= set(problem)


def test_every_status_of_an_error_is_described() -> None:
    described = set(openapi.document()["components"]["responses"])
    assert {str(problems.status_of(kind())) for kind in BY_CODE.values()} - {"500"} <= described
