"""Real servers, started and stopped, beside whatever else this machine runs. Units are stand-ins that only say they are ready.

The tests of this file go through one life of one stack, in order: starting it for each would take seven seconds each.
"""

import os
import signal
import socket
from collections.abc import Iterator

import psycopg2
import pytest
from pymongo import MongoClient

from stack import processes
from stack.api import Stack
from stack.instance import Instance
from stack.ports import load_ports, save_ports
from stack.units import Unit
from stack.waiting import wait_until

_READY = """
import http.server, os
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("X-Extra", os.environ.get("EXTRA", ""))
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["LIVEDROPS_HTTP_PORT"])), Ready).serve_forever()
"""
STAND_INS = (
    Unit("users", ("{python}", "-c", _READY), "users", ("mongo",)),
    Unit("gateway", ("{python}", "-c", _READY), "gateway", ("rabbitmq",), processes=2),
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    here = Stack(Instance("test", tmp_path_factory.mktemp("stack")), STAND_INS)
    try:
        here.up()
        yield here
    finally:
        here.down()
        here.instance.forget()


def listeners(stack: Stack) -> dict[str, int | None]:
    ports = load_ports(stack.instance.state / "ports.json")
    return {name: processes.listener_of(port) for name, port in ports.items()}


def test_everything_is_ready_after_up(stack: Stack) -> None:
    rows = {row.process.name: row for row in stack.status()}

    optional = {"elasticsearch"} if stack.has("elasticsearch") else set()
    assert {"rabbitmq", "postgres", "mongo", "redis", "epmd", "haproxy", "users", "gateway-1", "gateway-2"} | optional == set(rows)
    assert all(row.ready for row in rows.values())


def test_servers_listen_on_loopback_only(stack: Stack) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Connecting a datagram socket sends nothing; it only chooses the address that the world would see.
        probe.connect(("192.0.2.1", 9))
        outside = probe.getsockname()[0]
    reachable = []
    for name, port in load_ports(stack.instance.state / "ports.json").items():
        with socket.socket() as knock:
            knock.settimeout(1)
            if knock.connect_ex((outside, port)) == 0:
                reachable.append(name)

    assert reachable == []


def test_postgres_decodes_its_log_and_runs_in_utc(stack: Stack) -> None:
    connection = psycopg2.connect(stack.environment("users")["LIVEDROPS_ORDERS_POSTGRES_URL"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('timezone'), current_setting('fsync')")
        settings = cursor.fetchone()
    connection.close()

    assert settings == ("UTC", "on")


def test_a_killed_unit_comes_back(stack: Stack) -> None:
    before = stack.pid("users")

    stack.kill("users")

    assert wait_until(lambda: stack.status() != [] and _pid(stack, "users") not in (0, before), timeout_s=10)
    stack.wait_ready("users", timeout_s=10)


def test_a_unit_can_be_given_more_environment_for_a_while(stack: Stack) -> None:
    stack.set_environment("users", {"EXTRA": "failpoint"})
    stack.wait_ready("users", timeout_s=10)
    given = _environ(stack.pid("users"))
    stack.clear_environment("users")
    stack.wait_ready("users", timeout_s=10)

    assert b"EXTRA=failpoint" in given
    assert b"EXTRA=failpoint" not in _environ(stack.pid("users"))


def test_a_second_up_keeps_servers_and_renews_units(stack: Stack) -> None:
    broker, unit = stack.pid("rabbitmq"), stack.pid("users")

    stack.up()

    assert stack.pid("rabbitmq") == broker
    assert stack.pid("users") != unit


def test_a_killed_supervisor_and_a_taken_port_are_healed_by_up(stack: Stack) -> None:
    ports = load_ports(stack.instance.state / "ports.json")
    orphans = [pid for row in stack.status() for pid in processes.tree(row.process.pid)]
    os.kill(int((stack.instance.state / "supervisord.pid").read_text()), signal.SIGKILL)
    assert not stack.is_running()
    stack.down()
    assert not [pid for pid in orphans if processes.is_alive(pid)]
    with socket.socket() as somebody_else:
        somebody_else.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        somebody_else.bind(("127.0.0.1", ports["redis"]))
        somebody_else.listen()
        stack.up(servers_only=True)

    after = load_ports(stack.instance.state / "ports.json")
    assert {name for name in ports if ports[name] != after[name]} == {"redis"}


def test_mongo_follows_its_new_port(stack: Stack) -> None:
    stack.down()
    file = stack.instance.state / "ports.json"
    ports = load_ports(file)
    save_ports(file, {name: port for name, port in ports.items() if name != "mongo"})

    stack.up(servers_only=True)

    client: MongoClient[dict[str, object]] = MongoClient(stack.environment("users")["LIVEDROPS_USERS_MONGO_URL"])
    with client:
        client.probe.probe.insert_one({})
        assert client.primary == ("127.0.0.1", load_ports(file)["mongo"])


def test_down_leaves_nothing_behind_and_may_be_repeated(stack: Stack) -> None:
    stack.down()
    stack.down()

    assert not stack.is_running()
    assert set(listeners(stack).values()) == {None}
    assert processes.of_instance(stack.instance.marker, ()) == []


def _pid(stack: Stack, name: str) -> int:
    return next(row.process.pid for row in stack.status() if row.process.name == name)


def _environ(pid: int) -> list[bytes]:
    with open(f"/proc/{pid}/environ", "rb") as file:
        return file.read().split(b"\0")
