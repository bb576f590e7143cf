"""Naming an RPC and its arguments on the command line."""

import click
import pytest

from cli.commands.rpc import find_rpc, listing, read_arguments


def test_an_rpc_is_found_by_service_and_method() -> None:
    assert find_rpc("orders.get_stock") == ("orders", "get_stock")


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        ("orders.get_ordr", "Did you mean orders.get_order?"),
        ("order.get_stock", "Did you mean orders.get_stock?"),
        ("users", "users.sign_up"),
        ("nothing.like_it", "users.sign_up"),
        ("", "livedrops rpc --list"),
    ],
)
def test_an_unknown_rpc_is_answered_with_what_there_is(call: str, hint: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        find_rpc(call)
    assert hint in refused.value.message


def test_a_service_is_told_its_own_methods_only() -> None:
    with pytest.raises(click.UsageError) as refused:
        find_rpc("users.fly")
    assert "orders.get_stock" not in refused.value.message


def test_arguments_are_a_json_object() -> None:
    assert read_arguments('{"first": 5}') == {"first": 5}


@pytest.mark.parametrize("text", ["", "{", "[1]", "5", "null"])
def test_other_arguments_are_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="JSON"):
        read_arguments(text)


def test_the_list_has_signatures_and_summaries_by_service() -> None:
    lines = list(listing())
    place = lines.index("orders") + 1
    assert place < lines.index("users")
    assert "  get_stock(drop_id: str) -> Stock" in lines[place:]
    assert "      The book of a drop. Raises NotFound." in lines[place:]
