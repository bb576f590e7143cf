"""HTTP to receivers: tied to the address that was checked, with the right name, bounded in time and size, and never anywhere else."""

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.contracts.errors import AddressNotAllowed
from services.notifications.push import guard, outbound
from services.notifications.push.outbound import Outbound, Silent
from stack.instance import CLONE

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OURS, OUTSIDE = "127.0.0.2", "127.0.0.1"


@pytest.fixture(autouse=True)
def _world(monkeypatch: pytest.MonkeyPatch) -> None:
    """For these tests 127.0.0.1 is the internet, and all other addresses are judged as they are."""
    judged = guard.is_public
    monkeypatch.setattr(guard, "is_public", lambda address: address == ip_address(OUTSIDE) or judged(address))
    monkeypatch.setattr(guard, "DEFAULT_PORTS", {"https": 443, "http": 80})


class Server:
    """Listens at an address and does with each connection as it is told."""

    def __init__(self, address: str, serve: Callable[[socket.socket], None], port: int = 0) -> None:
        self._serve = serve
        self._socket = socket.create_server((address, port))
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._serve(connection)
            except OSError:
                return

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextmanager
def serving(address: str, serve: Callable[[socket.socket], None], port: int = 0) -> Iterator[Server]:
    server = Server(address, serve, port)
    try:
        yield server
    finally:
        server.close()


def answer_all(connection: socket.socket) -> None:
    while connection.recv(65536):
        connection.sendall(ANSWER)


@contextmanager
def sending(resolve: Callable[[str, int], list[str]], tls: ssl.SSLContext | None = None) -> Iterator[Outbound]:
    made = Outbound(resolve, False, 4, tls)
    try:
        yield made
    finally:
        made.close()


def place(port: int, scheme: str = "http", host: str = "hooks.example") -> guard.Place:
    return guard.Place(scheme, host, port, "/hook")


def request_on(line: socket.socket) -> bytes:
    """All of it: a line that is closed with something unread is reset, and the answer with it. Our body is {}."""
    sent = b""
    while not sent.endswith(b"{}") and (more := line.recv(65536)):
        sent += more
    return sent


def test_a_name_that_moves_into_our_network_reaches_nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the first answer is fine, the second is ours."""
    answers = [[OUTSIDE], [OURS]]
    with serving(OUTSIDE, answer_all) as outside, serving(OURS, answer_all, outside.port) as ours:
        with sending(lambda host, port: answers.pop(0)) as sender:
            for _ in range(3):
                assert sender.post(place(outside.port), b"{}", {}).status == 200
            assert len(answers) == 1, "one question for one line"
            monkeypatch.setattr(outbound, "LINE_LIFE_S", 0.0)
            sender._lines.clear()
            with pytest.raises(AddressNotAllowed):
                sender.post(place(outside.port), b"{}", {})
        assert (outside.connections, ours.connections) == (1, 0)


def test_one_address_of_ours_among_good_ones_refuses_all() -> None:
    with serving(OUTSIDE, answer_all) as outside, sending(lambda host, port: [OUTSIDE, "10.0.0.1"]) as sender:
        with pytest.raises(AddressNotAllowed):
            sender.post(place(outside.port), b"{}", {})
        assert outside.connections == 0


def test_a_redirect_into_our_network_is_an_answer_and_no_more() -> None:
    with serving(OURS, answer_all) as ours:

        def redirect(connection: socket.socket) -> None:
            request_on(connection)
            connection.sendall(f"HTTP/1.1 307 Go\r\nLocation: http://{OURS}:{ours.port}/\r\nContent-Length: 0\r\n\r\n".encode())

        with serving(OUTSIDE, redirect) as outside, sending(lambda host, port: [OUTSIDE]) as sender:
            assert sender.post(place(outside.port), b"{}", {}).status == 307
        assert ours.connections == 0


def test_what_can_not_be_found_or_reached_is_silent_and_then_left_alone() -> None:
    asked = list[str]()

    def lost(host: str, port: int) -> list[str]:
        asked.append(host)
        raise OSError("no such name")

    with sending(lost) as sender:
        for _ in range(outbound.SILENT_TIMES + 3):
            with pytest.raises(Silent):
                sender.post(place(81), b"{}", {})
    assert len(asked) == outbound.SILENT_TIMES


def test_an_answer_without_an_end_is_not_read_to_it() -> None:
    sent = list[int]()

    def flood(connection: socket.socket) -> None:
        request_on(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                sent.append(connection.send(b"x" * 65536))
        except OSError:
            sent.append(-1)

    with serving(OUTSIDE, flood) as outside, sending(lambda host, port: [OUTSIDE]) as sender:
        assert sender.post(place(outside.port), b"{}", {}).status == 200
        deadline = time.monotonic() + 10
        while -1 not in sent and time.monotonic() < deadline:
            threading.Event().wait(0.01)
    assert sent[-1] == -1, "the line was not closed"
    assert sum(sent) < 20_000_000


SLOW = """
import eventlet
eventlet.monkey_patch()
import socket, time
from services.notifications.push import outbound
from services.notifications.push.guard import Place
outbound.WHOLE_S = 1.0
server = socket.create_server(("127.0.0.1", 0))
def drip():
    connection, _ = server.accept()
    connection.recv(65536)
    while True:
        connection.send(b"H")
        eventlet.sleep(0.1)
eventlet.spawn(drip)
begin = time.monotonic()
try:
    outbound.Outbound(lambda host, port: ["127.0.0.1"], True, 1).post(Place("http", "x", server.getsockname()[1], "/"), b"", {})
except outbound.Silent:
    print("SILENT", time.monotonic() - begin)
"""


def test_an_answer_that_drips_has_a_deadline_as_a_whole() -> None:
    """In green threads, as the workers are: each read would be in time."""
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", SLOW], capture_output=True, text=True, timeout=30, cwd=CLONE)
    word, seconds = run.stdout.split()
    assert (word, 0.9 < float(seconds) < 3.0) == ("SILENT", True), run.stderr


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for hooks.example that vouches for itself, with its key."""
    file, key, now = tmp_path_factory.mktemp("tls") / "hooks.pem", ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.mark.parametrize(("host", "good"), [("hooks.example", True), ("other.example", False)])
def test_tls_is_spoken_with_the_name_and_to_the_checked_address(host: str, good: bool, authority: Path) -> None:
    names, requests = list[str | None](), list[bytes]()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as line:
            if sent := request_on(line):
                requests.append(sent)
                line.sendall(ANSWER)

    trusting = ssl.create_default_context(cafile=str(authority))
    with serving(OUTSIDE, serve) as server, sending(lambda host, port: [OUTSIDE], trusting) as sender:
        where = place(server.port, "https", host)
        if good:
            assert sender.post(where, b"{}", {}).status == 200
            assert f"host: {host}:{server.port}".encode() in requests[0].lower()
        else:
            with pytest.raises(Silent):
                sender.post(where, b"{}", {})
            assert requests == []
    assert names == [host]
