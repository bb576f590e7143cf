"""The load generator against small real servers: exact counts, unique keys, honest retries."""

import re
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.load import generator
from tests.load.generator import BadStampede, CompilerMissing, Report, Rule, Stampede, StopWhen, run, start

REQUEST = """POST /graphql HTTP/1.1
Authorization: Bearer {token}
Idempotency-Key: {key}

{"key":"{key}","buyer":{buyer},"note":"é"}
"""
RULES = (Rule("accepted", 200, '"CONFIRMED"'), Rule("sold_out", 200, '"SOLD_OUT"'), Rule("refused", 503))
CONFIRMED = b'{"status":"CONFIRMED"}'
SOLD_OUT = b'{"status":"SOLD_OUT"}'


class Seen(NamedTuple):
    key: str
    token: str
    body: bytes
    at_s: float


class Shop(ThreadingHTTPServer):
    """Remembers each request, and answers with whatever `answer(handler, nth attempt of this key)` does."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[["Till"], None]) -> None:
        super().__init__(("127.0.0.1", 0), Till)
        self.answer = answer
        self.lock = threading.Lock()
        self.seen: list[Seen] = []

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # buyers may hang up; anything else is a bug of this server
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def times_by_key(self) -> dict[str, list[float]]:
        times = defaultdict(list)
        for request in self.seen:
            times[request.key].append(request.at_s)
        return dict(times)


class Till(BaseHTTPRequestHandler):
    """Where a buyer is answered."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment: two would meet Nagle's algorithm and wait 40 ms for an ACK
    server: Shop
    attempt: int
    nth: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = Seen(self.headers["Idempotency-Key"], self.headers["Authorization"], body, time.monotonic())
        with self.server.lock:
            self.server.seen.append(request)
            self.nth = len(self.server.seen)
            self.attempt = sum(earlier.key == request.key for earlier in self.server.seen)
        self.server.answer(self)

    def reply(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silence: the tests look at what was seen."""


@contextmanager
def shop(answer: Callable[[Till], None]) -> Iterator[Shop]:
    with Shop(answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def crowd(server: Shop, **options: object) -> Stampede:
    settings: dict[str, object] = {
        "port": server.server_address[1], "request": REQUEST, "rules": RULES, "tokens": ("ann", "bob", "cy"), "connections": 5,
        "requests": 100, "duration_s": 20.0, "run_id": "test",
    }  # fmt: skip
    return Stampede(**(settings | options))  # type: ignore[arg-type]


def counts(report: Report) -> dict[str, int]:
    return {name: one.count for name, one in report.classes.items() if one.count}


def confirm(till: Till) -> None:
    till.reply(CONFIRMED)


def test_every_request_is_counted_once_and_has_its_own_key() -> None:
    with shop(confirm) as server:
        report = run(crowd(server))
    keys = [request.key for request in server.seen]
    assert counts(report) == {"accepted": 100}
    assert (report.requests.started, report.requests.answered, report.attempts, report.ended_by) == (100, 100, 100, "requests")
    assert len(set(keys)) == len(keys) == 100
    assert all(re.fullmatch(r"test-[0-4]-\d+", key) for key in keys)


def test_placeholders_are_filled_in_head_and_body() -> None:
    with shop(confirm) as server:
        run(crowd(server))
    for request in server.seen:
        buyer = int(request.key.split("-")[1])
        assert request.token == f"Bearer {('ann', 'bob', 'cy')[buyer % 3]}"
        assert request.body.decode() == f'{{"key":"{request.key}","buyer":{buyer},"note":"é"}}'


ROTATING = """POST /graphql HTTP/1.1
Authorization: Bearer {token}
Idempotency-Key: {key}

{"value":"{value}"}
"""


def test_tokens_and_values_advance_with_every_request() -> None:
    tokens, values = tuple(f"token-{number}" for number in range(60)), tuple(f"v{number}" for number in range(20))
    with shop(confirm) as server:
        run(crowd(server, request=ROTATING, tokens=tokens, values=values, rotate_tokens=True, requests=60))
    pairs = {(request.token, request.body.decode()) for request in server.seen}
    assert pairs == {(f"Bearer {token}", f'{{"value":"v{number % 20}"}}') for number, token in enumerate(tokens)}


def test_a_retry_keeps_its_token_and_its_value() -> None:
    def refuse_first(till: Till) -> None:
        till.reply(b"busy" if till.attempt == 1 else CONFIRMED, 503 if till.attempt == 1 else 200)

    with shop(refuse_first) as server:
        run(crowd(server, request=ROTATING, tokens=("ann", "bob", "cy"), values=("1", "2"), rotate_tokens=True, requests=30))
    by_key = defaultdict(set)
    for request in server.seen:
        by_key[request.key].add((request.token, request.body))
    assert len(by_key) == 30
    assert all(len(sent) == 1 for sent in by_key.values())


def test_answers_are_told_apart_by_the_first_rule_that_fits() -> None:
    def sell_thirty(till: Till) -> None:
        till.reply(CONFIRMED if till.nth <= 30 else SOLD_OUT if till.nth <= 90 else b"?")

    with shop(sell_thirty) as server:
        report = run(crowd(server))
    assert counts(report) == {"accepted": 30, "sold_out": 60, "other": 10}


def test_a_refused_buyer_waits_and_retries_with_the_same_key() -> None:
    def refuse_first(till: Till) -> None:
        if till.attempt == 1:
            till.reply(b"busy", 503, Retry_After="0.05")
        else:
            till.reply(CONFIRMED)

    with shop(refuse_first) as server:
        report = run(crowd(server, requests=20, honour_retry_after=True))
    assert counts(report) == {"accepted": 20, "refused": 20}
    assert (report.requests.answered, report.retries) == (20, 20)
    assert len(server.times_by_key) == 20
    assert all(second - first >= 0.05 for first, second in server.times_by_key.values())


def test_a_buyer_gives_up_after_the_last_attempt() -> None:
    with shop(lambda till: till.reply(b"", 503)) as server:
        report = run(crowd(server, requests=10, max_attempts=3))
    assert (report.requests.abandoned, report.attempts) == (10, 30)
    assert set(Counter(request.key for request in server.seen).values()) == {3}


def test_chunked_answers_are_joined_before_they_are_judged() -> None:
    def answer_in_chunks(till: Till) -> None:
        till.send_response(200)
        till.send_header("Transfer-Encoding", "chunked")
        till.end_headers()
        for chunk in (CONFIRMED[:14], CONFIRMED[14:], b"x" * 100_000, b""):
            till.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            till.wfile.flush()

    with shop(answer_in_chunks) as server:
        report = run(crowd(server, requests=50))
    assert counts(report) == {"accepted": 50}


def test_a_connection_that_ends_with_its_answer_is_opened_again() -> None:
    with shop(lambda till: till.reply(CONFIRMED, Connection="close")) as server:
        report = run(crowd(server))
    assert counts(report) == {"accepted": 100}
    assert (report.connects, report.reconnects) == (100, 100 - 5)


def test_an_answer_may_end_with_its_connection() -> None:
    def answer_and_hang_up(till: Till) -> None:
        till.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + CONFIRMED)
        till.close_connection = True

    with shop(answer_and_hang_up) as server:
        report = run(crowd(server))
    assert counts(report) == {"accepted": 100}


def test_a_request_that_lost_its_connection_is_sent_again_with_the_same_key() -> None:
    def hang_up_first(till: Till) -> None:
        if till.attempt == 1:
            till.close_connection = True
        else:
            till.reply(CONFIRMED)

    with shop(hang_up_first) as server:
        report = run(crowd(server, requests=20))
    assert counts(report) == {"accepted": 20, "connection_failed": 20}
    assert {len(times) for times in server.times_by_key.values()} == {2}


def test_an_answer_that_is_too_late_is_a_timeout_and_the_request_is_sent_again() -> None:
    enough = threading.Event()

    def stall_first(till: Till) -> None:
        if till.attempt == 1:
            enough.wait(10)
            till.close_connection = True
        else:
            till.reply(CONFIRMED)

    with shop(stall_first) as server:
        report = run(crowd(server, requests=5, timeout_s=0.2))
        enough.set()
    assert counts(report) == {"accepted": 5, "timeout": 5}
    assert report.classes["timeout"].latency_ms.p50 >= 199


def test_a_server_that_never_answers_cannot_hold_the_generator() -> None:
    enough = threading.Event()

    def stall(till: Till) -> None:
        enough.wait(10)

    with shop(stall) as server:
        report = run(crowd(server, duration_s=0.2, timeout_s=0.3))
        enough.set()
    assert report.requests.unanswered == 5
    assert report.duration_s < 5


def test_percentiles_follow_the_answers() -> None:
    def every_tenth_is_slow(till: Till) -> None:
        time.sleep(0.2 if till.nth % 10 == 0 else 0.005)
        till.reply(CONFIRMED)

    with shop(every_tenth_is_slow) as server:
        report = run(crowd(server))
    latency = report.classes["accepted"].latency_ms
    assert 5 <= latency.p50 < 199 <= latency.p95 <= latency.p99 <= latency.max
    assert latency.p50 < latency.mean < latency.p95


def test_the_run_ends_when_a_class_was_seen_often_enough() -> None:
    with shop(lambda till: till.reply(SOLD_OUT)) as server:
        report = run(crowd(server, requests=None, stop_when=StopWhen("sold_out", 50)))
    assert report.ended_by == "stop_when"
    assert 50 <= report.classes["sold_out"].count < 50 + 5
    assert report.classes["sold_out"].count == len(server.seen)


def test_each_buyer_may_have_a_number_of_requests() -> None:
    with shop(confirm) as server:
        report = run(crowd(server, requests=None, per_buyer=3, ramp_ms=20))
    assert report.requests.answered == 15
    assert set(Counter(request.key.split("-")[1] for request in server.seen).values()) == {3}


def test_two_generators_run_beside_each_other() -> None:
    with (
        shop(confirm) as server,
        start(crowd(server, run_id="buyers")) as buyers,
        start(crowd(server, run_id="readers", think_ms=1)) as readers,
    ):
        assert (counts(buyers.result(20)), counts(readers.result(20))) == ({"accepted": 100}, {"accepted": 100})
    assert len(server.times_by_key) == 200


def test_a_stopped_run_reports_what_happened_so_far() -> None:
    first = threading.Event()

    def confirm_and_tell(till: Till) -> None:
        first.set()
        till.reply(CONFIRMED)

    with shop(confirm_and_tell) as server, start(crowd(server, requests=None, think_ms=5)) as running:
        assert first.wait(10)
        running.stop()
        assert running.result(10).ended_by == "signal"


def test_a_stopped_run_waits_for_what_is_under_way() -> None:
    asked, told = threading.Event(), threading.Event()

    def confirm_late(till: Till) -> None:
        asked.set()
        assert told.wait(10)
        till.reply(CONFIRMED)

    with shop(confirm_late) as server, start(crowd(server, requests=None)) as running:
        assert asked.wait(10)
        running.stop()
        told.set()
        report = running.result(10)
    assert report.requests.unanswered == 0
    assert report.classes["accepted"].count == report.requests.started == len(server.seen)


def test_an_open_loop_keeps_its_pace() -> None:
    with shop(confirm) as server:
        report = run(crowd(server, requests=40, per_second=200))
    assert counts(report) == {"accepted": 40}
    # The last of forty is due 39 two hundredths of a second after the first.
    assert report.duration_s >= 0.195


def test_an_open_loop_counts_the_wait_of_who_is_late() -> None:
    def confirm_slowly(till: Till) -> None:
        time.sleep(0.05)
        till.reply(CONFIRMED)

    with shop(confirm_slowly) as server:
        report = run(crowd(server, connections=1, requests=5, per_second=1000))
    # One buyer, who is busy for 50 ms each time: the fifth request is due after 4 ms and is answered after 250.
    assert report.classes["accepted"].latency_ms.max >= 240


def test_a_run_that_is_stopped_counts_no_request_whose_time_has_not_come() -> None:
    first = threading.Event()

    def confirm_and_tell(till: Till) -> None:
        first.set()
        till.reply(CONFIRMED)

    with shop(confirm_and_tell) as server, start(crowd(server, requests=None, per_second=1)) as running:
        assert first.wait(10)
        running.stop()
        report = running.result(10)
    assert (report.requests.started, report.requests.answered) == (len(server.seen), len(server.seen))


def test_samples_show_three_answers_of_each_class(tmp_path: Path) -> None:
    with shop(confirm) as server:
        run(crowd(server, samples=tmp_path / "samples"))
    assert (tmp_path / "samples").read_bytes().count(CONFIRMED) == 3


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"host": "192.0.2.1"}, "loopback"),
        ({"host": "0.0.0.0"}, "loopback"),
        ({"connections": 0}, "--connections"),
        ({"tokens": ()}, "--tokens"),
        ({"request": ROTATING}, "--values"),
        ({"request": "hello"}, "HTTP/1.1"),
        ({"rules": (Rule("bad name"),)}, "class name"),
        ({"stop_when": StopWhen("nobody", 1)}, "nobody"),
    ],
)
def test_bad_arguments_are_refused_with_a_reason(options: dict[str, object], complaint: str) -> None:
    with shop(confirm) as server, pytest.raises(BadStampede, match=complaint):
        run(crowd(server, **options))


def test_a_machine_without_a_compiler_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CompilerMissing, match="apt install gcc libc6-dev"):
        generator.compiled()
