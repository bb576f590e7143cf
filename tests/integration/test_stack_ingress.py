"""A real HAProxy with the generated configuration, in front of two stand-in gateways."""

import http.client
import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stack.binaries import find
from stack.ingress import LARGEST_BODY_BYTES, LONGEST_ORDERS_QUEUE, ORDERS_PER_GATEWAY, render
from stack.ports import is_free, settle_ports
from stack.readiness import answers
from stack.waiting import wait_until
from tests.integration.streams import Stream

ORDER = '{"query": "mutation { placeOrder { id } }"}'
GATEWAYS = ("gateway-1", "gateway-2")


class Gateway(http.server.BaseHTTPRequestHandler):
    """Answers with what it was sent. Orders wait until the test opens the gate."""

    protocol_version = "HTTP/1.1"
    gate = threading.Event()

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if b"placeOrder" in body:
            self.gate.wait(timeout=10)
        self._answer(body)

    def _answer(self, body: bytes) -> None:
        text = json.dumps({"headers": {name.lower(): value for name, value in self.headers.items()}, "bytes": len(body)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    # A client that leaves early is what some of these tests do.
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@pytest.fixture
def ports() -> dict[str, int]:
    return settle_ports(("ingress", "media", "live", *GATEWAYS), {}, is_free)


@pytest.fixture
def gateways(ports: dict[str, int]) -> Iterator[dict[str, Server]]:
    Gateway.gate.set()
    servers = {name: Server(("127.0.0.1", ports[name]), Gateway) for name in GATEWAYS}
    for server in servers.values():
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield servers
    Gateway.gate.set()
    for server in servers.values():
        server.shutdown()
        server.server_close()


@pytest.fixture
def media(ports: dict[str, int]) -> Iterator[Server]:
    server = Server(("127.0.0.1", ports["media"]), Gateway)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def ingress(tmp_path: Path, ports: dict[str, int], gateways: dict[str, Server]) -> Iterator[int]:
    haproxy = find("haproxy")
    assert haproxy is not None, "haproxy is installed by `make run` and `make test`"
    conf = tmp_path / "haproxy.cfg"
    gateway_ports = {name: ports[name] for name in GATEWAYS}
    conf.write_text(render(ports["ingress"], tmp_path / "haproxy.sock", gateway_ports, {"media": ports["media"]}, {"live": ports["live"]}))
    with subprocess.Popen([haproxy, "-db", "-f", conf], stderr=subprocess.DEVNULL) as process:
        try:
            assert wait_until(lambda: answers(ports["ingress"], "/readyz"), timeout_s=10)
            yield ports["ingress"]
        finally:
            process.terminate()


def ask(port: int, method: str, path: str, body: str = "", headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body or None, headers or {})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read().decode()
    finally:
        connection.close()


def test_where_a_request_comes_from_is_not_the_clients_to_say(ingress: int) -> None:
    claimed = {"X-Forwarded-For": "192.0.2.66", "Forwarded": "for=192.0.2.66", "X-Request-Id": "r-1"}

    _, _, text = ask(ingress, "GET", "/", headers=claimed)

    seen = json.loads(text)["headers"]
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert "forwarded" not in seen
    assert seen["x-request-id"] == "r-1"


def test_the_largest_body_passes_and_one_byte_more_is_refused(ingress: int) -> None:
    status, _, text = ask(ingress, "POST", "/graphql", "x" * LARGEST_BODY_BYTES)
    refused, _, reason = ask(ingress, "POST", "/graphql", "x" * (LARGEST_BODY_BYTES + 1))

    assert (status, json.loads(text)["bytes"]) == (200, LARGEST_BODY_BYTES)
    assert refused == 413
    assert json.loads(reason)["errors"][0]["extensions"]["code"] == "REQUEST_TOO_LARGE"


def test_a_long_body_without_a_size_is_refused(ingress: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", ingress, timeout=10)
    connection.request("POST", "/graphql", iter([b"x" * 30_000]), encode_chunked=True)

    assert connection.getresponse().status == 413
    connection.close()


def test_without_a_gateway_the_answer_is_to_come_back(ingress: int, gateways: dict[str, Server]) -> None:
    for server in gateways.values():
        server.shutdown()
        server.server_close()
    assert wait_until(lambda: ask(ingress, "GET", "/")[0] == 503, timeout_s=10)

    status, headers, text = ask(ingress, "POST", "/order")

    assert (status, headers["retry-after"], headers["content-type"]) == (503, "1", "application/json")
    assert json.loads(text)["errors"][0]["extensions"]["code"] == "BUSY"


def test_reads_are_served_while_orders_are_full_and_further_orders_are_refused(ingress: int) -> None:
    Gateway.gate.clear()
    places = 2 * ORDERS_PER_GATEWAY
    crowd = places + LONGEST_ORDERS_QUEUE + 100
    with ThreadPoolExecutor(crowd) as buyers:
        orders = [buyers.submit(ask, ingress, "POST", "/graphql", ORDER) for _ in range(crowd)]
        # All that found no place are answered while those that did still wait.
        assert wait_until(lambda: sum(order.done() for order in orders) == crowd - places, timeout_s=10)
        read = ask(ingress, "POST", "/graphql", '{"query": "{ drops { id } }"}')
        Gateway.gate.set()
        statuses = [order.result(timeout=10)[0] for order in orders]

    assert read[0] == 200
    assert statuses.count(200) == places
    assert statuses.count(503) == crowd - places


def test_a_file_may_be_larger_than_other_bodies_and_goes_to_its_own_unit(ingress: int, media: Server) -> None:
    size = 4 * LARGEST_BODY_BYTES

    def media_answers() -> bool:
        return ask(ingress, "GET", "/media/x")[0] == 200

    assert wait_until(media_answers, timeout_s=10)
    status, _, text = ask(ingress, "POST", "/media/uploads", "x" * size, {"X-Forwarded-For": "192.0.2.66"})

    assert (status, json.loads(text)["bytes"]) == (200, size)
    assert json.loads(text)["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert ask(ingress, "POST", "/mediator", "x" * size)[0] == 413


def test_without_its_unit_a_file_is_to_come_back_and_all_else_goes_on(ingress: int) -> None:
    status, headers, text = ask(ingress, "POST", "/media/uploads", "x")

    assert (status, headers["retry-after"], json.loads(text)["errors"][0]["extensions"]["code"]) == (503, "5", "BUSY")
    assert ask(ingress, "GET", "/")[0] == 200


class Streams(Gateway):
    """Answers with a stream that goes on when the test says so."""

    protocol_version = "HTTP/1.1"
    go_on = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/readyz":
            self._answer(b"")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in (b"event: first\n\n", b"event: second\n\n"):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
            self.go_on.wait(timeout=10)
        self.wfile.write(b"0\r\n\r\n")


@pytest.fixture
def live(ports: dict[str, int]) -> Iterator[Server]:
    Streams.go_on.clear()
    server = Server(("127.0.0.1", ports["live"]), Streams)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    Streams.go_on.set()
    server.shutdown()
    server.server_close()


def is_open(address: str, path: str) -> bool:
    probe = Stream(address, path)
    probe.close()
    return probe.status == 200


@pytest.mark.parametrize("path", ["/live?inbox=1", "/graphql/stream?query=x"])
def test_a_stream_is_passed_on_as_it_comes(path: str, ingress: int, live: Server) -> None:
    address = f"http://127.0.0.1:{ingress}"
    assert wait_until(lambda: is_open(address, path), timeout_s=10)
    stream = Stream(address, path)
    assert wait_until(lambda: stream.of("first") == [None], timeout_s=5)
    assert stream.of("second") == []
    Streams.go_on.set()
    assert wait_until(lambda: stream.of("second") == [None], timeout_s=5)
    stream.close()


def test_without_its_unit_a_stream_is_to_come_back_and_tickets_are_the_gateways(ingress: int) -> None:
    status, headers, text = ask(ingress, "GET", "/live?inbox=1")

    assert (status, headers["retry-after"], json.loads(text)["errors"][0]["extensions"]["code"]) == (503, "5", "BUSY")
    assert ask(ingress, "POST", "/live/ticket", "x")[0] == 200
