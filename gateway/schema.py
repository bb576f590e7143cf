"""The executable schema: schema.graphql is the contract, and every field of Query and Mutation has its resolver here."""

from pathlib import Path
from typing import Any

from graphql import GraphQLSchema, build_schema

from gateway.mutations.cancel_order import resolve_cancel_order
from gateway.mutations.place_order import resolve_place_order
from gateway.mutations.sessions import resolve_refresh, resolve_sign_in, resolve_sign_out
from gateway.mutations.sign_up import resolve_sign_up
from gateway.queries.drop import resolve_drop
from gateway.queries.me import resolve_me
from gateway.queries.my_orders import resolve_my_orders
from gateway.queries.order import resolve_order

FILE = Path(__file__).with_name("schema.graphql")

RESOLVERS: dict[str, dict[str, Any]] = {
    "Query": {"me": resolve_me, "drop": resolve_drop, "order": resolve_order, "myOrders": resolve_my_orders},
    "Mutation": {
        "signUp": resolve_sign_up,
        "signIn": resolve_sign_in,
        "refresh": resolve_refresh,
        "signOut": resolve_sign_out,
        "placeOrder": resolve_place_order,
        "cancelOrder": resolve_cancel_order,
    },
}


def load_schema() -> GraphQLSchema:
    """Build it. Raises KeyError where a resolver has no field, or a root field no resolver."""
    schema = build_schema(FILE.read_text())
    for name, resolvers in RESOLVERS.items():
        fields = schema.type_map[name].fields  # type: ignore[attr-defined]
        if missing := set(fields) ^ set(resolvers):
            raise KeyError(f"{name}: no field or no resolver for {', '.join(sorted(missing))}")
        for field, resolve in resolvers.items():
            fields[field].resolve = resolve
    return schema
