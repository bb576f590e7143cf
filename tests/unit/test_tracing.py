"""Places in a trace, what is recorded, and how a trace is shown. The spans themselves: tests/integration/test_tracing.py."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from cli.trace_receiver import MAX_BODY_BYTES, PROTOBUF, Receiver
from cli.trace_store import MAX_SPANS_A_TRACE, Happening, SpanRecord, TraceStore
from cli.trace_tree import summary, tree
from services.kernel import calls, traces, tracing
from services.kernel.traces import Trace

PLACE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", sampled=True)


def span(name: str, span_id: str, parent_id: str = "", begin_ms: int = 0, end_ms: int = 10, **more: object) -> SpanRecord:
    values = {"trace_id": PLACE.trace_id, "kind": "internal", "service": "orders", **more}
    return SpanRecord(name=name, span_id=span_id, parent_id=parent_id, begin_ns=begin_ms * 10**6, end_ns=end_ms * 10**6, **values)  # type: ignore[arg-type]


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_a_place_is_read_as_it_was_written(trace_id: int, span_id: int, sampled: bool) -> None:
    place = Trace(f"{trace_id:032x}", f"{span_id:016x}", sampled)
    assert traces.read(place.text()) == place


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-" + "x" * 300,
    ],
)
def test_what_names_no_place_is_ignored(text: object) -> None:
    assert traces.read(text) is None


def test_a_later_version_is_read_from_its_beginning() -> None:
    assert traces.read(f"01{PLACE.text()[2:]}-more") == PLACE


def test_a_call_within_a_call_is_in_its_trace() -> None:
    with calls.under(calls.begin(trace=PLACE)):
        assert calls.begin().trace == PLACE
        assert calls.traceparent() == PLACE.text()
    assert calls.begin().trace is None


def test_work_for_many_is_under_the_first_that_is_recorded() -> None:
    silent = Trace("b" * 32, "c" * 16)
    other = Trace("d" * 32, "e" * 16, sampled=True)
    assert tracing.united([None, silent, PLACE, other, PLACE]) == (PLACE, [other])
    assert tracing.united([None, silent]) == (silent, [])
    assert tracing.united([]) == (None, [])


def test_nothing_is_recorded_without_a_receiver() -> None:
    assert not tracing.is_on()
    assert tracing.enter("any", "server", PLACE, {}) == (None, None)
    with calls.under(calls.begin(trace=PLACE)), tracing.part("any", "internal", {}) as nothing:
        assert nothing is None


def test_a_tree_shows_each_below_what_asked_for_it() -> None:
    spans = [
        span("publish", "c", "b", 30, 40, service="relay"),
        span("settle", "b", "a", 5, 20, happenings=[Happening(7 * 10**6, "statement", {"db.query.text": "select 1"})]),
        span(
            "POST /graphql", "a", "from-outside", 0, 25, service="gateway", attributes={"http.response.status_code": 200}, links=["f" * 32]
        ),
        span("look", "d", "a", 2, 4, failed=True, attributes={"error.type": "UNAVAILABLE"}),
    ]
    assert list(tree(spans)) == [
        "  from ms        ms  service  span",
        "      0.0      25.0  gateway  POST /graphql  (200)",
        f"                                with trace {'f' * 32}",
        "      2.0       2.0  orders     look  (UNAVAILABLE)  FAILED",
        "      5.0      15.0  orders     settle",
        "     30.0      10.0  relay        publish",
    ]
    assert "+2.0 ms statement select 1" in "\n".join(tree(spans, verbose=True))
    assert summary(spans) == "1970-01-01 00:00:00.000       40.0 ms    4 spans of  3 services, 1 failed  gateway: POST /graphql"


def test_a_ring_of_parents_is_shown_all_the_same() -> None:
    assert len(list(tree([span("one", "a", "b"), span("two", "b", "a")]))) == 3


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    made = TraceStore(tmp_path / "traces.db", keep=2)
    yield made
    made.close()


def test_the_last_traces_are_kept_and_no_more(store: TraceStore) -> None:
    for number in range(4):
        store.add([span("any", "a", trace_id=f"{number:032x}")], number)
    assert [arrived.trace_id for arrived in store.since(0)] == [f"{number:032x}" for number in (2, 3)]
    assert store.spans(f"{0:032x}") == []
    assert store.find("0" * 31) == [f"{number:032x}" for number in (2, 3)]


def test_a_span_that_comes_twice_is_one_and_a_trace_is_bounded(store: TraceStore) -> None:
    store.add([span("any", "a"), span("any", "a")], 1)
    assert len(store.spans(PLACE.trace_id)) == 1
    store.add([span("any", f"{number:016x}") for number in range(MAX_SPANS_A_TRACE + 10)], 2)
    assert len(store.spans(PLACE.trace_id)) == MAX_SPANS_A_TRACE


@pytest.fixture
def receiver() -> Iterator[Callable[..., requests.Response]]:
    made = Receiver(0, lambda spans: None)
    serving = threading.Thread(target=made.serve)
    serving.start()

    def post(path: str = "/v1/traces", body: bytes = b"", **headers: str) -> requests.Response:
        sent = {"Content-Type": PROTOBUF} | {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(f"http://127.0.0.1:{made.port}{path}", body, headers=sent, timeout=5)

    yield post
    made.stop()
    serving.join()


def test_the_receiver_refuses_what_it_can_not_read(receiver: Callable[..., requests.Response]) -> None:
    assert receiver().status_code == 200
    assert receiver(path="/v1/logs").status_code == 404
    assert receiver(Content_Type="application/json").status_code == 415
    assert receiver(body=b"\xff\xff no protobuf").status_code == 400
    assert receiver(body=b"no gzip", Content_Encoding="gzip").status_code == 400
    assert receiver(body=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413
