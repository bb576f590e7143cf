"""Ports stay what they were, and give way to whoever took them."""

import socket

import pytest

from stack.errors import SetupError
from stack.ports import FIRST_PORT, LAST_PORT, is_free, settle_ports


def test_every_name_gets_a_port_of_its_own() -> None:
    ports = settle_ports(("redis", "postgres", "mongo"), {}, free=lambda _port: True)

    assert set(ports) == {"redis", "postgres", "mongo"}
    assert len(set(ports.values())) == 3
    assert all(FIRST_PORT <= port <= LAST_PORT for port in ports.values())


def test_a_known_port_stays_while_it_is_free() -> None:
    assert settle_ports(("redis",), {"redis": 20123}, free=lambda _port: True) == {"redis": 20123}


def test_only_the_port_that_somebody_took_is_chosen_anew() -> None:
    known = {"redis": 20123, "mongo": 20124}

    ports = settle_ports(("redis", "mongo"), known, free=lambda port: port != 20123)

    assert ports["mongo"] == 20124
    assert ports["redis"] not in known.values()


def test_names_that_are_gone_lose_their_ports() -> None:
    assert settle_ports((), {"redis": 20123}, free=lambda _port: True) == {}


def test_a_machine_without_a_free_port_is_told_so() -> None:
    with pytest.raises(SetupError, match="No free port"):
        settle_ports(("redis",), {}, free=lambda _port: False)


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        assert not is_free(port)
    assert is_free(port)
