"""The broker's definitions: least rights, as regular expressions that RabbitMQ applies."""

import re

import pytest

from services.contracts.events import PAYLOADS
from services.contracts.rights import USERS
from services.contracts.schemas import SERVICES
from services.contracts.signatures import signatures
from services.kernel import topology

DEFINITIONS = topology.definitions(dict.fromkeys(USERS, "secret"))
PERMISSIONS = {entry["user"]: entry for entry in DEFINITIONS["permissions"]}


def may_publish(user: str, exchange: str, key: str) -> bool:
    topics = {(entry["user"], entry["exchange"]): entry["write"] for entry in DEFINITIONS["topic_permissions"]}
    return bool(re.search(PERMISSIONS[user]["write"], exchange) and re.search(topics[user, exchange], key))


@pytest.mark.parametrize("user", USERS)
def test_a_user_may_make_exactly_the_calls_that_its_rights_name(user: str) -> None:
    for service, protocol in SERVICES.items():
        for rpc in signatures(protocol):
            allowed = bool({f"{service}.{rpc}", f"{service}.*"} & set(USERS[user].calls))
            assert may_publish(user, topology.RPC_EXCHANGE, f"{service}.{rpc}") is allowed, rpc


# Where an event's first word does not say it: a drop is told of by its seller's context, by the clock and by its stock.
PUBLISHERS = {
    **dict.fromkeys(("drop.scheduled", "drop.changed", "drop.cancelled"), "products-relay"),
    **dict.fromkeys(("drop.started", "drop.ended"), "products-clock"),
    **dict.fromkeys(("follow", "user"), "users-capture"),
    **dict.fromkeys(("order", "stock", "drop"), "orders-relay"),
    "product": "products-relay",
    "push": "notifications-push",
}


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("kind", PAYLOADS)
def test_an_event_has_one_publisher(user: str, kind: str) -> None:
    publisher = PUBLISHERS.get(kind) or PUBLISHERS[kind.partition(".")[0]]
    assert may_publish(user, topology.EVENTS_EXCHANGE, kind) is (user == publisher)


def test_every_right_names_what_exists() -> None:
    for rights in USERS.values():
        for call in rights.calls:
            service, _, rpc = call.partition(".")
            assert rpc == "*" or rpc in signatures(SERVICES[service]), call
        for _, kinds in rights.consumes:
            assert set(kinds) <= set(PAYLOADS)


@pytest.mark.parametrize("user", USERS)
def test_nobody_configures_what_belongs_to_others(user: str) -> None:
    pattern = PERMISSIONS[user]["configure"]
    foreign = [topology.EVENTS_EXCHANGE, topology.DEAD_EXCHANGE, *(topology.event_queue(name) for name in topology.consumers())]
    foreign += [topology.rpc_queue(service) for service in SERVICES if service != USERS[user].serves]
    assert not [name for name in foreign if re.search(pattern, name)]


def test_a_password_is_kept_salted() -> None:
    assert topology.hash_password("secret") != topology.hash_password("secret")
    # Known from RabbitMQ's own documentation of "rabbit_password_hashing_sha256": salt 908DC60A, password test12.
    assert topology.hash_password("test12", bytes.fromhex("908DC60A")) == "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"


def test_delay_queues_lose_nothing() -> None:
    queues = {queue["name"]: queue["arguments"] for queue in DEFINITIONS["queues"]}
    for seconds in topology.DELAY_STEPS_S:
        arguments = queues[topology.delay_exchange(seconds)]
        assert arguments["x-message-ttl"] == seconds * 1000
        assert arguments["x-queue-type"] == "quorum"
        assert (arguments["x-dead-letter-strategy"], arguments["x-overflow"]) == ("at-least-once", "reject-publish")
