"""The table of deploy units holds together."""

import importlib.util

import pytest

from services.kernel.topology import USERS
from stack.plan import SERVERS
from stack.units import UNITS, Unit, unit_of


def test_names_are_unique_and_none_is_a_servers() -> None:
    names = [name for unit in UNITS for name in {unit.name, *unit.process_names}]

    assert len(names) == len(set(names))
    assert not {*names} & {*SERVERS, "epmd", "haproxy", "ingress"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_known_to_the_broker_and_needs_servers_that_exist(unit: Unit) -> None:
    assert unit.broker_user in USERS
    assert {*unit.needs} <= {*SERVERS}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_module_that_runs_a_unit_exists(unit: Unit) -> None:
    module = unit.command[unit.command.index("-m") + 1]

    assert importlib.util.find_spec(module) is not None


def test_processes_are_numbered_only_where_there_are_several() -> None:
    assert Unit("a", (), "a", ()).process_names == ("a",)
    assert Unit("a", (), "a", (), processes=2).process_names == ("a-1", "a-2")


def test_a_unit_is_found_by_its_name_and_by_its_processes() -> None:
    assert unit_of("gateway") == unit_of("gateway-2")
    assert unit_of("gateway-9") is None
