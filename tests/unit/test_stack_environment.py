"""What each process is told, and what of a person's own environment gets through."""

import base64
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from services.kernel.tokens import public_key_of
from services.kernel.topology import USERS, VHOST
from stack.credentials import Credentials
from stack.environment import Wiring, kept_environment
from stack.errors import SetupError
from stack.settings import StackSettings
from stack.units import UNITS, Unit

PORTS = {"rabbitmq": 20001, "postgres": 20002, "mongo": 20003, "redis": 20004, "ingress": 8000}
PROCESSES = [name for unit in UNITS for name in unit.process_names]


def wiring(**environ: str) -> Wiring:
    credentials = Credentials("i", "admin-password", "password", "jwt", "cursor", {user: f"pw-{user}" for user in USERS})
    settings = StackSettings.of(environ)
    ports = {name: port for name, port in PORTS.items() if not settings.replaces(name)}
    ports |= {name: 21000 + number for number, name in enumerate(PROCESSES)}
    return Wiring("test", ports, credentials, settings, UNITS)


def test_a_unit_speaks_to_the_broker_as_its_own_user() -> None:
    address = urlsplit(wiring().environment("orders-relay")["LIVEDROPS_BROKER_URL"])

    assert (address.scheme, address.username, address.password) == ("amqp", "orders-relay", "pw-orders-relay")
    assert (address.hostname, address.port, address.path) == ("127.0.0.1", 20001, f"/{VHOST}")


def test_a_unit_knows_its_stores_its_name_and_its_port() -> None:
    environment = wiring().environment("users")

    assert environment["LIVEDROPS_ENV"] == "test"
    assert environment["LIVEDROPS_UNIT"] == "users"
    assert environment["LIVEDROPS_HTTP_PORT"] == str(21000 + PROCESSES.index("users"))
    assert environment["LIVEDROPS_ORDERS_POSTGRES_URL"] == "postgresql://livedrops:password@127.0.0.1:20002/orders"
    assert environment["LIVEDROPS_USERS_MONGO_URL"] == "mongodb://127.0.0.1:20003/?replicaSet=rs0"
    assert environment["LIVEDROPS_REDIS_URL"] == "redis://127.0.0.1:20004/0"


def test_processes_of_one_unit_differ_only_in_their_port() -> None:
    first, second = wiring().environment("gateway-1"), wiring().environment("gateway-2")

    assert {name for name in first if first[name] != second[name]} == {"LIVEDROPS_HTTP_PORT"}
    assert wiring().environment("gateway") == first


def test_a_team_is_a_broker_user_without_a_port() -> None:
    environment = wiring().environment("analytics")

    assert "analytics:pw-analytics@" in environment["LIVEDROPS_BROKER_URL"]
    assert "LIVEDROPS_HTTP_PORT" not in environment


def test_a_migration_runs_with_the_operators_rights() -> None:
    assert "operations:pw-operations@" in wiring().environment("migrate")["LIVEDROPS_BROKER_URL"]


def test_an_unknown_broker_user_is_refused() -> None:
    with pytest.raises(SetupError, match="nobody"):
        wiring().environment("nobody")


def test_a_persons_settings_reach_every_unit() -> None:
    environment = wiring(LIVEDROPS_LOG_LEVEL="DEBUG", LIVEDROPS_JWT_KEY="mine").environment("orders")

    assert environment["LIVEDROPS_LOG_LEVEL"] == "DEBUG"
    assert environment["LIVEDROPS_JWT_KEY"] == "mine"


def test_a_persons_settings_do_not_reach_what_each_process_has_for_itself() -> None:
    own = wiring().environment("orders")

    assert wiring(LIVEDROPS_HTTP_PORT="1", LIVEDROPS_UNIT="x", LIVEDROPS_ENV="production").environment("orders") == own


def test_an_address_takes_the_place_of_our_server() -> None:
    environment = wiring(LIVEDROPS_REDIS_URL="redis://cache.example:6379/3").environment("orders")

    assert environment["LIVEDROPS_REDIS_URL"] == "redis://cache.example:6379/3"


def test_units_are_told_of_a_search_engine_only_where_there_is_one() -> None:
    with_one = wiring()
    with_one = replace(with_one, ports={**with_one.ports, "elasticsearch": 20005})

    assert with_one.environment("users")["LIVEDROPS_SEARCH_ELASTICSEARCH_URL"] == "http://127.0.0.1:20005"
    assert "LIVEDROPS_SEARCH_ELASTICSEARCH_URL" not in wiring().environment("users")


@pytest.mark.parametrize("address", ["http://search.example:9200", "https://elastic:secret@search.example"])
def test_a_persons_search_engine_takes_the_place_of_ours(address: str) -> None:
    theirs = wiring(LIVEDROPS_SEARCH_ELASTICSEARCH_URL=address)

    assert theirs.settings.replaces("elasticsearch")
    assert theirs.environment("users")["LIVEDROPS_SEARCH_ELASTICSEARCH_URL"] == address


def test_units_use_a_persons_broker_with_their_own_users() -> None:
    address = wiring(LIVEDROPS_BROKER_URL="amqps://admin:secret@broker.example:5671?heartbeat=5").environment("users")[
        "LIVEDROPS_BROKER_URL"
    ]

    assert address == f"amqps://users:pw-users@broker.example:5671/{VHOST}?heartbeat=5"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIVEDROPS_REDIS_URL", "http://cache.example"),
        ("LIVEDROPS_SEARCH_ELASTICSEARCH_URL", "elasticsearch.example:9200"),
        ("LIVEDROPS_BROKER_URL", "amqp://admin:secret@broker.example/another"),
        ("LIVEDROPS_PORT", "eighty"),
        ("LIVEDROPS_PORT", "65536"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SetupError, match=name):
        StackSettings.of({name: value})


def test_the_persons_other_variables_stay_outside() -> None:
    assert kept_environment({"PATH": "/bin", "PYTHONPATH": "/x", "ERL_FLAGS": "+S 1", "LANG": "C"}) == {"PATH": "/bin", "LANG": "C"}


def test_a_unit_without_a_port_is_given_none() -> None:
    unit = Unit("worker", ("{python}",), "analytics", (), port=False)
    plain = wiring()
    with_worker = Wiring(plain.profile, plain.ports, plain.credentials, plain.settings, (unit,))

    assert "LIVEDROPS_HTTP_PORT" not in with_worker.environment("worker")


def test_only_who_issues_tokens_knows_the_key_that_signs_them() -> None:
    secret = base64.urlsafe_b64encode(bytes(range(32))).decode()
    told = {unit.name: wiring(LIVEDROPS_JWT_KEY=secret).environment(unit.name) for unit in UNITS}
    ours = {unit.name: wiring().environment(unit.name) for unit in UNITS}

    assert [name for name, environment in ours.items() if "LIVEDROPS_JWT_KEY" in environment] == ["gateway"]
    assert {environment["LIVEDROPS_JWT_PUBLIC_KEY"] for environment in told.values()} == {public_key_of(secret)}


def test_media_have_links_behind_the_ingress() -> None:
    environment = wiring().environment("media")

    assert environment["LIVEDROPS_MEDIA_BASE_URL"] == "http://127.0.0.1:8000/media"
    assert environment["LIVEDROPS_MEDIA_UPLOAD_URL"] == "http://127.0.0.1:8000/media/uploads"
    assert environment["LIVEDROPS_MEDIA_MONGO_URL"] == environment["LIVEDROPS_USERS_MONGO_URL"]
    assert (
        wiring(LIVEDROPS_MEDIA_BASE_URL="https://cdn.example").environment("products")["LIVEDROPS_MEDIA_BASE_URL"] == "https://cdn.example"
    )
