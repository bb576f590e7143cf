"""The AsyncAPI document is what the code says, and what AsyncAPI allows."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7

from services.contracts.errors import SoldOut
from services.contracts.events import DropSoldOut, Event
from services.contracts.orders import Placement, PlaceOrder
from services.contracts.schemas import FOLDER, text_of
from services.kernel import asyncapi, calls, wire

DOCUMENT = asyncapi.document()
SCHEMA = Path(__file__).with_name("asyncapi")
SOMEBODY = "0193a5c8-7c3e-7000-8000-000000000001"


def test_the_checked_in_document_is_what_the_code_says() -> None:
    assert (FOLDER / asyncapi.NAME).read_text() == text_of(DOCUMENT), "run `make contracts`"


@pytest.fixture(scope="module")
def official_schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """As its lock says."""
    npm = shutil.which("npm")
    if npm is None:
        reason = "no npm here, from which AsyncAPI's schema comes"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("asyncapi")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SCHEMA / name, folder)
    subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True, capture_output=True, timeout=100)
    return json.loads((folder / "node_modules/@asyncapi/specs/schemas/3.0.0.json").read_text())


def test_it_is_valid_by_the_official_schema(official_schema: Any) -> None:
    """Its parts have ids of their own, which the references mean."""
    parts = [(part["$id"], DRAFT7.create_resource(part)) for part in official_schema["definitions"].values() if "$id" in part]
    # The schema of JSON Schema itself is among them under its own name.
    registry = Registry().with_resources([*parts, (official_schema["$id"], DRAFT7.create_resource(official_schema))])
    errors = Draft7Validator(official_schema, registry=registry).iter_errors(json.loads(text_of(DOCUMENT)))
    assert [f"{error.json_path}: {error.message[:300]}" for error in errors] == []


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def target(reference: str) -> Any:
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_every_reference_leads_somewhere() -> None:
    for reference in set(references(DOCUMENT)):
        assert target(reference)


def test_an_operation_has_messages_of_its_own_channel() -> None:
    """A rule of AsyncAPI's that its schema can't hold."""
    for name, operation in DOCUMENT["operations"].items():
        for told in (operation, *([operation["reply"]] if "reply" in operation else [])):
            for message in told["messages"]:
                assert message["$ref"].startswith(f"{told['channel']['$ref']}/messages/"), name


def test_every_event_has_somebody_who_tells_it_and_every_rpc_somebody_who_may_call_it() -> None:
    for name, operation in DOCUMENT["operations"].items():
        assert operation["x-publishers" if operation["action"] == "send" else "x-callers"], name


def wrong(message: str, sent: Any) -> list[str]:
    """What of a message, as it travels, is not as the document says."""
    whole = {**DOCUMENT, **DOCUMENT["components"]["messages"][message]["payload"]}
    return [error.message for error in Draft7Validator(whole).iter_errors(json.loads(msgspec.json.encode(sent)))]


def test_what_travels_is_as_the_document_says() -> None:
    wish = PlaceOrder(drop_id=SOMEBODY, user_id=SOMEBODY, quantity=1, key="a-key-of-its-own")
    assert wrong("orders.place_many.request", {"args": [], "kwargs": {"requests": [wish]}}) == []
    assert wrong("orders.place_many.request", {"args": [], "kwargs": {"requests": [{}]}}) != []
    assert wrong("orders.place_many.reply", {"result": [Placement(error="SOLD_OUT")], "error": None}) == []
    assert wrong("orders.place_many.reply", {"result": None, "error": wire.failure(SoldOut())}) == []
    told = DropSoldOut(SOMEBODY, SOMEBODY, "A shirt", 10, 3)
    event = Event(SOMEBODY, "drop.sold_out", datetime.now(UTC), msgspec.to_builtins(told))
    assert wrong("drop.sold_out", event) == []
    assert wrong("drop.sold_out", [event, event]) == []
    assert wrong("drop.restocked", event) != []


def test_the_headers_of_a_call_are_as_the_document_says() -> None:
    sent = {**wire.headers_of(calls.begin(), 2.0), "correlation_id": SOMEBODY, "reply_to": SOMEBODY}
    headers = DOCUMENT["components"]["messageTraits"]["call"]["headers"]
    assert list(Draft7Validator(headers).iter_errors(sent)) == []
    assert set(sent) <= set(headers["properties"])
