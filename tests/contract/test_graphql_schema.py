"""schema.graphql is the contract: every root field has a resolver, and every error code that a payload can carry is declared."""

import re

import pytest
from graphql import build_schema, find_breaking_changes, print_schema

from gateway import schema
from services.contracts.errors import BY_CODE
from services.contracts.orders import OrderStatus, StockState
from services.contracts.products import DropState
from services.contracts.users import Role


def test_every_root_field_has_its_resolver() -> None:
    loaded = schema.load_schema()
    for name, resolvers in schema.RESOLVERS.items():
        assert set(loaded.type_map[name].fields) == set(resolvers)  # type: ignore[attr-defined]


def test_a_resolver_without_a_field_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(schema.RESOLVERS["Query"], "nothing", lambda *_: None)
    with pytest.raises(KeyError):
        schema.load_schema()


@pytest.mark.parametrize(("name", "kind"), [("OrderStatus", OrderStatus), ("DropState", DropState), ("Role", Role)])
def test_enums_have_the_values_of_the_mesh(name: str, kind: type) -> None:
    assert list(schema.load_schema().type_map[name].values) == [member.value for member in kind]  # type: ignore[attr-defined,attr-defined]


def test_a_drop_has_every_state_of_its_stock() -> None:
    assert {state.value for state in StockState} < {state.value for state in DropState}


def test_codes_named_in_the_schema_exist() -> None:
    named = set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", " ".join(re.findall(r"Codes: ([A-Z_, ]+)", schema.FILE.read_text()))))
    assert named <= set(BY_CODE)


def test_the_public_schema_has_only_grown_since_the_release() -> None:
    released = schema.FILE.parents[1] / "docs" / "contracts" / "released" / "schema.graphql"
    assert find_breaking_changes(build_schema(released.read_text()), build_schema(print_schema(schema.load_schema()))) == []
