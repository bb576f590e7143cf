"""The published schemas are those of the code, and have only grown since the last release."""

import copy
import inspect
from typing import Any

import msgspec
import pytest

from services.analytics.service import AnalyticsService
from services.contracts import schemas
from services.contracts.compatibility import breaking_changes
from services.contracts.signatures import signatures
from services.notifications.service import NotificationsService
from services.orders.service import OrdersService
from services.products.service import ProductsService
from services.search.service import SearchService
from services.users.service import UsersService

DOCUMENTS = schemas.documents()
IMPLEMENTATIONS = (AnalyticsService, OrdersService, ProductsService, NotificationsService, SearchService, UsersService)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_checked_in_schema_is_what_the_code_says(name: str) -> None:
    assert (schemas.FOLDER / name).read_text() == schemas.text_of(DOCUMENTS[name]), "run `make contracts`"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_contracts_have_only_grown_since_the_release(name: str) -> None:
    released = schemas.RELEASED / name
    if released.exists():
        assert breaking_changes(name, msgspec.json.decode(released.read_bytes()), DOCUMENTS[name]) == []


def test_no_released_contract_is_gone() -> None:
    assert {file.name for file in schemas.RELEASED.glob("*.json")} <= set(DOCUMENTS)


def _changed(name: str, path: list[str | int], value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The document, and a copy with one thing changed; value None removes it."""
    old = msgspec.json.decode(schemas.text_of(DOCUMENTS[name]))
    new = copy.deepcopy(old)
    place = new
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return old, new


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("orders.json", ["methods", "get_order"], None),
        ("orders.json", ["$defs", "PlaceOrder", "properties", "quantity", "maximum"], 5),
        ("orders.json", ["$defs", "PlaceOrder", "properties", "key", "pattern"], "^a$"),
        ("orders.json", ["$defs", "PlaceOrder", "properties", "quantity", "type"], "string"),
        ("orders.json", ["$defs", "OpenStock", "required"], ["drop_id", "per_user_limit"]),
        ("orders.json", ["$defs", "Order", "properties", "name"], None),
        ("orders.json", ["$defs", "Stock", "required"], ["drop_id"]),
        ("orders.json", ["$defs", "OrderStatus", "enum"], ["CONFIRMED"]),
        ("orders.json", ["$defs", "OrderPage", "properties", "next", "anyOf"], [{"type": "null"}]),
        ("events.json", ["data", "order.confirmed"], None),
        ("events.json", ["$defs", "StockChanged", "properties", "version"], None),
        ("errors.json", ["codes", "SOLD_OUT"], None),
    ],
)
def test_a_change_that_breaks_somebody_is_found(name: str, path: list[str | int], value: Any) -> None:
    assert breaking_changes(name, *_changed(name, path, value)) != []


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("orders.json", ["methods", "hold_order"], {"parameters": {}, "result": {}}),
        ("orders.json", ["$defs", "PlaceOrder", "properties", "note"], {"type": "string"}),
        ("orders.json", ["$defs", "PlaceOrder", "properties", "quantity", "maximum"], 5_000),
        ("orders.json", ["$defs", "Order", "properties", "gift"], {"type": "boolean"}),
        ("errors.json", ["codes", "NEW_CODE"], "Something new."),
    ],
)
def test_a_change_that_adds_is_allowed(name: str, path: list[str | int], value: Any) -> None:
    assert breaking_changes(name, *_changed(name, path, value)) == []


@pytest.mark.parametrize("service", IMPLEMENTATIONS)
def test_a_service_has_exactly_the_rpcs_of_its_contract(service: Any) -> None:
    served = {name for name, method in inspect.getmembers(service, inspect.isfunction) if not name.startswith("_")}
    assert served == set(signatures(service.contract))


def test_every_service_of_the_contracts_is_looked_at() -> None:
    assert {service.contract for service in IMPLEMENTATIONS} == set(schemas.SERVICES.values())


@pytest.mark.parametrize("service", IMPLEMENTATIONS)
def test_an_rpc_takes_the_parameters_of_its_contract(service: Any) -> None:
    for name, signature in signatures(service.contract).items():
        taken = [p for p in inspect.signature(getattr(service, name)).parameters if p != "self"]
        assert taken == list(signature.parameters.__struct_fields__), name
