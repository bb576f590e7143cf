"""Traces through the real mesh, sent as OTLP to the receiver of `livedrops trace`."""

import threading
from collections.abc import Callable, Iterator

import pytest

from cli.trace_receiver import Receiver
from cli.trace_store import SpanRecord
from services.contracts.orders import Stock
from services.kernel.traces import Trace
from stack.api import Stack
from tests.conftest import PLACE_ORDER, Person, eventually

UNITS = ("gateway", "orders", "orders-relay", "orders-views", "notifications-events", "live", "users")
# Some day, somebody else's.
ASKED = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", sampled=True)


class Spans(list[SpanRecord]):
    """All that were received."""

    def of(self, trace_id: str) -> list[SpanRecord]:
        return [span for span in self if span.trace_id == trace_id]

    def names(self, trace_id: str) -> set[str]:
        return {f"{span.service}: {span.name}" for span in self.of(trace_id)}


@pytest.fixture(scope="module")
def spans(stack: Stack) -> Iterator[Spans]:
    received = Spans()
    receiver = Receiver(0, received.extend)
    serving = threading.Thread(target=receiver.serve)
    serving.start()
    # By chance nothing: what is recorded is what asks for it.
    extra = {"LIVEDROPS_OTLP_URL": f"http://127.0.0.1:{receiver.port}", "LIVEDROPS_TRACE_SAMPLE": "0"}
    for unit in UNITS:
        stack.set_environment(unit, extra)
    for unit in UNITS:
        stack.wait_ready(unit)
    yield received
    for unit in UNITS:
        stack.clear_environment(unit)
    for unit in UNITS:
        stack.wait_ready(unit)
    receiver.stop()
    serving.join()


def buy(somebody: Person, drop_id: str, key: str, trace: Trace) -> None:
    wish = {"dropId": drop_id, "quantity": 1, "idempotencyKey": key}
    answer = somebody.graphql(PLACE_ORDER, {"input": wish}, traceparent=trace.text())
    assert answer.json()["data"]["placeOrder"]["order"], answer.text


def test_an_order_is_one_trace_from_the_door_to_who_hears_of_it(
    spans: Spans, person: Callable[..., Person], open_drop: Callable[..., Stock]
) -> None:
    buy(person(), open_drop().drop_id, "the-only-one-of-this-test", ASKED)
    expected = {
        "gateway: POST /graphql",
        "gateway: GraphQL mutation",
        "gateway: batch of orders",
        "gateway: orders/place_many",
        "orders: orders/place_many",
        "orders: settle",
        "orders: postgresql orders",
        "orders-relay: publish livedrops.events",
        "orders-views: process events.orders.views",
        "notifications-events: process events.notifications.personal",
    }
    eventually(lambda: expected <= spans.names(ASKED.trace_id))
    whole = {span.span_id: span for span in spans.of(ASKED.trace_id)}
    door = next(span for span in whole.values() if span.name == "POST /graphql")
    assert door.parent_id == ASKED.span_id
    assert door.kind == "server"
    assert door.attributes["http.response.status_code"] == 200
    assert all(span.parent_id in whole for span in whole.values() if span is not door)


def test_the_transaction_shows_its_statements_and_no_value(
    spans: Spans, person: Callable[..., Person], open_drop: Callable[..., Stock]
) -> None:
    trace = Trace("1".rjust(32, "a"), ASKED.span_id, sampled=True)
    key = "a-key-that-is-nobody-elses-business"
    buy(person(), open_drop().drop_id, key, trace)
    eventually(lambda: "orders: postgresql orders" in spans.names(trace.trace_id))
    (sale,) = (span for span in spans.of(trace.trace_id) if span.name == "settle")
    statements = [
        it.attributes["db.query.text"]
        for span in spans.of(trace.trace_id)
        if span.name == "postgresql orders" and span.parent_id == sale.span_id
        for it in span.happenings
    ]
    assert any("insert into orders" in text for text in statements), statements
    assert not any(key in str(span) for span in spans.of(trace.trace_id))


def test_an_order_in_anothers_batch_is_linked_to_it(
    spans: Spans, stack: Stack, person: Callable[..., Person], open_drop: Callable[..., Stock]
) -> None:
    drop_id = open_drop(total=500).drop_id
    # Fewer than one gateway records in a second for who asks.
    crowd = [(person(), Trace(f"{number:032x}", ASKED.span_id, sampled=True)) for number in range(0xB00, 0xB00 + 12)]

    def one(number: int) -> None:
        buy(crowd[number][0], drop_id, f"in-a-crowd-{number}", crowd[number][1])

    def linked() -> list[SpanRecord]:
        ours = {trace.trace_id for _, trace in crowd}
        return [span for span in spans if span.trace_id in ours and span.name == "order waits for its batch" and set(span.links) & ours]

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(crowd))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waited = eventually(linked)[0]

    def batches() -> list[SpanRecord]:
        return [span for span in spans.of(waited.links[0]) if span.name == "batch of orders" and waited.trace_id in span.links]

    eventually(batches)


def test_what_chance_does_not_record_makes_no_span(spans: Spans, person: Callable[..., Person], open_drop: Callable[..., Stock]) -> None:
    drop_id = open_drop().drop_id
    silent = Trace("2".rjust(32, "b"), ASKED.span_id, sampled=False)
    told = Trace("3".rjust(32, "c"), ASKED.span_id, sampled=True)
    buy(person(), drop_id, "not-recorded", silent)
    buy(person(), drop_id, "recorded-after-it", told)
    eventually(lambda: "orders-views: process events.orders.views" in spans.names(told.trace_id))
    assert spans.of(silent.trace_id) == []


def test_a_refusal_is_no_fault(spans: Spans, person: Callable[..., Person]) -> None:
    trace = Trace("4".rjust(32, "d"), ASKED.span_id, sampled=True)
    answer = person().http.get(f"{person()._address}/order/not-an-order", headers={"traceparent": trace.text()}, timeout=15)
    assert answer.status_code in (400, 404)
    eventually(lambda: spans.of(trace.trace_id))
    (door,) = (span for span in spans.of(trace.trace_id) if span.kind == "server" and span.service == "gateway")
    assert not door.failed
    assert door.name == "GET /order/<order_id>"


def test_a_live_stream_and_whom_it_asks_are_one_trace(spans: Spans, person: Callable[..., Person], open_drop: Callable[..., Stock]) -> None:
    trace = Trace("5".rjust(32, "e"), ASKED.span_id, sampled=True)
    somebody = person()
    with somebody.http.get(f"{somebody._address}/live?inbox=1", headers={"traceparent": trace.text()}, stream=True, timeout=15) as stream:
        assert stream.status_code == 200
        eventually(lambda: {"live: GET /live", "live: notifications/get_live_interests"} <= spans.names(trace.trace_id))
