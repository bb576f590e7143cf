"""Where the command looks for addresses."""

import pytest

from cli.addresses import BROKER, ORDERS_POSTGRES, Addresses
from cli.failures import NotConfigured


def test_the_environment_comes_before_the_local_stack() -> None:
    addresses = Addresses("dev", {BROKER: "amqp://mine"}, lambda _: {BROKER: "amqp://local", ORDERS_POSTGRES: "postgresql://local"})
    assert addresses.require(BROKER) == "amqp://mine"
    assert addresses.require(ORDERS_POSTGRES) == "postgresql://local"


def test_the_local_stack_is_not_asked_when_the_environment_answers() -> None:
    def local(_profile: str) -> dict[str, str]:
        raise AssertionError("asked")

    assert Addresses("dev", {BROKER: "amqp://mine"}, local).require(BROKER) == "amqp://mine"


@pytest.mark.parametrize(("profile", "start"), [("dev", "make run"), ("test", "livedrops stack up --profile test")])
def test_a_missing_address_says_how_to_start_the_stack(profile: str, start: str) -> None:
    with pytest.raises(NotConfigured) as refused:
        Addresses(profile, {}, lambda _: {}).require(BROKER)
    assert BROKER in refused.value.message
    assert start in refused.value.message


def test_an_address_of_another_kind_is_refused_without_telling_it() -> None:
    with pytest.raises(NotConfigured) as refused:
        Addresses("dev", {BROKER: "http://secret"}, lambda _: {}).require(BROKER)
    assert "amqp://" in refused.value.message
    assert "secret" not in refused.value.message
