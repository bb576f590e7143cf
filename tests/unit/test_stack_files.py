"""The files that the stack writes: whole, private where they hold secrets, and the same when nothing changed."""

import configparser
import json
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from services.kernel.topology import USERS
from stack.credentials import load_or_make
from stack.errors import SetupError, StartFailed, tail
from stack.ingress import MOST_CONNECTIONS, render
from stack.install import _no_services_started
from stack.instance import LONGEST_SOCKET_PATH, Instance, own_folder
from stack.programs import Program, plan_file, supervisord_conf, write_plans
from stack.servers.rabbitmq import definitions_text


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    here = Instance("test", tmp_path / "100% ours")
    here.prepare()
    yield here
    here.forget()


def test_secrets_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"

    first = load_or_make(file, ("users",))

    assert load_or_make(file, ("users",)) == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(first.jwt_key) == 44


def test_a_new_broker_user_gets_a_password_and_the_others_keep_theirs(tmp_path: Path) -> None:
    before = load_or_make(tmp_path / "secrets.json", ("users",))

    after = load_or_make(tmp_path / "secrets.json", ("users", "orders"))

    assert after.broker["users"] == before.broker["users"]
    assert after.broker["orders"] not in before.broker.values()


def test_definitions_stay_the_same_while_the_passwords_do(tmp_path: Path) -> None:
    file = tmp_path / "definitions.json"
    passwords = {user: f"pw-{user}" for user in USERS}
    file.write_text(definitions_text(passwords, file))

    assert definitions_text(passwords, file) == file.read_text()
    assert definitions_text(passwords | {"users": "new"}, file) != file.read_text()


def test_supervisord_starts_nothing_by_itself_and_reads_odd_paths(instance: Instance) -> None:
    program = Program("redis", ("/usr/bin/redis-server",), {}, instance.data, stop_signal="INT", stop_wait_s=7)
    parsed = configparser.RawConfigParser()

    parsed.read_string(supervisord_conf(instance, [program]))

    section = parsed["program:redis"]
    assert (section["autostart"], section["stopsignal"], section["stopwaitsecs"]) == ("false", "INT", "7")
    assert "100%% ours" in section["stdout_logfile"]


def test_a_launch_plan_marks_its_process_and_is_private(instance: Instance) -> None:
    write_plans(instance, [Program("users", ("/bin/true", "a b"), {"LIVEDROPS_X": 'with "quotes"'}, instance.data, nice=5)])

    file = plan_file(instance, "users")
    plan = json.loads(file.read_text())
    assert plan["command"] == ["/bin/true", "a b"]
    assert plan["environment"] == {"LIVEDROPS_X": 'with "quotes"', "LIVEDROPS_INSTANCE": str(instance.state)}
    assert plan["nice"] == 5
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_ingress_has_each_gateway_in_both_backends() -> None:
    text = render(8000, Path("/run/haproxy.sock"), {"gateway-1": 20001, "gateway-2": 20002}, {"media": 20003}, {"live": 20004})

    assert "bind 127.0.0.1:8000\n" in text
    assert f"maxconn {MOST_CONNECTIONS}\n" in text
    for name, port in (("gateway-1", 20001), ("gateway-2", 20002)):
        assert f"server {name} 127.0.0.1:{port} maxconn 36 track reads/{name}" in text
        assert f"server {name} 127.0.0.1:{port} maxconn 24 check inter 500ms fall 2 rise 1" in text


def test_a_long_path_moves_the_sockets_and_nothing_else(tmp_path: Path) -> None:
    here = Instance("test", tmp_path / ("x" * LONGEST_SOCKET_PATH))

    assert here.sockets.parent == Path("/tmp")
    assert here.logs.is_relative_to(here.root)


def test_two_clones_have_nothing_in_common() -> None:
    one, other = Instance("dev", Path("/home/a/.run")), Instance("dev", Path("/home/b/.run"))

    assert one.marker != other.marker
    assert one.outside_data != other.outside_data


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(SetupError, match="production"):
        Instance.of("production", {})


def test_a_shared_place_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)

    with pytest.raises(SetupError, match="belongs to somebody else"):
        own_folder(tmp_path / "link", 0o700)


def test_a_failed_start_shows_the_end_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "orders.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))

    text = str(StartFailed("orders", "ends as soon as it starts", log))

    assert "line 99" in text
    assert "line 80" in text
    assert "line 79" not in text
    assert str(log) in text


def test_a_log_that_is_not_there_has_no_end(tmp_path: Path) -> None:
    assert tail(tmp_path / "none.log", 5) == ""


def test_installed_packages_start_no_services_and_the_policy_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr("stack.install._POLICY", policy)

    with suppress(RuntimeError), _no_services_started():
        assert "exit 101" in policy.read_text()
        raise RuntimeError

    assert not policy.exists()


def test_a_policy_that_was_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("theirs")
    monkeypatch.setattr("stack.install._POLICY", policy)

    with _no_services_started():
        pass

    assert policy.read_text() == "theirs"
