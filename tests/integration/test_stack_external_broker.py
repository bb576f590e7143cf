"""A broker that a person brought is told about LiveDrops through its management address."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from services.kernel.topology import USERS
from stack.credentials import Credentials
from stack.environment import Wiring
from stack.errors import SetupError
from stack.external_broker import define
from stack.settings import StackSettings


class Management(http.server.BaseHTTPRequestHandler):
    """As much of RabbitMQ's management as takes definitions."""

    status = 204
    seen: ClassVar[list[tuple[str, str, dict[str, object]]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def management() -> Iterator[str]:
    Management.seen.clear()
    with http.server.HTTPServer(("127.0.0.1", 0), Management) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def wiring(**environ: str) -> Wiring:
    credentials = Credentials("i", "a", "p", "j", "c", {user: f"pw-{user}" for user in USERS})
    return Wiring("test", {}, credentials, StackSettings.of(environ), ())


def test_definitions_are_imported_as_the_persons_administrator(management: str, tmp_path: Path) -> None:
    settings = {"LIVEDROPS_BROKER_URL": "amqp://admin:secret@broker.example", "LIVEDROPS_BROKER_MANAGEMENT_URL": f"{management}/"}

    define(wiring(**settings), tmp_path / "definitions.json", lambda _line: None)

    [(path, authorization, body)] = Management.seen
    assert path == "/api/definitions"
    assert authorization == "Basic YWRtaW46c2VjcmV0"
    assert {"users", "queues", "permissions"} <= body.keys()


def test_a_broker_that_refuses_is_told_plainly(management: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Management, "status", 401)
    settings = {"LIVEDROPS_BROKER_URL": "amqp://admin:wrong@broker.example", "LIVEDROPS_BROKER_MANAGEMENT_URL": management}

    with pytest.raises(SetupError, match="did not take LiveDrops' definitions"):
        define(wiring(**settings), tmp_path / "definitions.json", lambda _line: None)


def test_without_a_management_address_the_person_is_told_what_to_import(tmp_path: Path) -> None:
    lines: list[str] = []

    define(wiring(LIVEDROPS_BROKER_URL="amqp://admin:secret@broker.example"), tmp_path / "definitions.json", lines.append)

    assert str(tmp_path / "definitions.json") in lines[0]
    assert (tmp_path / "definitions.json").exists()


def test_our_own_broker_is_left_alone(tmp_path: Path) -> None:
    define(wiring(), tmp_path / "definitions.json", lambda _line: None)

    assert not (tmp_path / "definitions.json").exists()
