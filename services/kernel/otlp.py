"""Recording with OpenTelemetry's SDK, sent as OTLP over HTTP. Loaded only where LIVEDROPS_OTLP_URL is set.

Spans wait in a queue that is bounded, and a thread of its own sends them (a green thread in nameko services). Nobody waits for it: what does
not fit is lost, and while the receiver is away so is what is recorded.
"""

import logging
import os
import threading
import time
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
)
from opentelemetry.trace import Span as RecordedSpan
from opentelemetry.trace.propagation import set_span_in_context

from services.kernel.traces import Trace
from services.kernel.tracing import Attributes, Kind, Value

TRACES_PATH = "/v1/traces"
# Spans; some 2 KB each in memory.
MAX_WAITING, MAX_SENT_AT_ONCE = 4_096, 512
SEND_EVERY_MS = 1_000
# A receiver that takes longer is away.
SEND_TIMEOUT_S = 3.0
STOP_TIMEOUT_S = 2.0
# Of what the SDK says of itself, one line is logged in so many seconds.
COMPLAIN_EVERY_S = 60.0
_KINDS: dict[Kind, SpanKind] = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "internal": SpanKind.INTERNAL,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_RECORDED = TraceFlags(TraceFlags.SAMPLED)


class OtlpRecorder:
    """url: of an OTLP receiver, without the path. sample: the part of traces beginning here that is recorded."""

    def __init__(self, url: str, unit: str, env: str, sample: float) -> None:
        self.sample = sample
        _complain_seldom()
        resource = Resource.create(
            {
                "service.namespace": "livedrops",
                "service.name": unit,
                "service.instance.id": f"{unit}-{os.getpid()}",
                "deployment.environment.name": env,
            }
        )
        # Whether a trace is recorded is decided before a span is made.
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(f"{url}{TRACES_PATH}", timeout=SEND_TIMEOUT_S, compression=Compression.Gzip)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter, max_queue_size=MAX_WAITING, schedule_delay_millis=SEND_EVERY_MS, max_export_batch_size=MAX_SENT_AT_ONCE
            )
        )
        self._tracer = self._provider.get_tracer("livedrops")

    def start(
        self, name: str, kind: Kind, parent: Trace | None, attributes: Attributes, links: Sequence[Trace], at_ns: int | None
    ) -> "OtlpSpan":
        context = set_span_in_context(NonRecordingSpan(_context_of(parent))) if parent else None
        made = self._tracer.start_span(
            name, context, _KINDS[kind], attributes, [Link(_context_of(link)) for link in links], at_ns, record_exception=False
        )
        return OtlpSpan(made)

    def stop(self) -> None:
        # In a thread that is given up: with its receiver away, the SDK would take half a minute.
        last = threading.Thread(target=self._provider.shutdown, name="tracing-stop", daemon=True)
        last.start()
        last.join(STOP_TIMEOUT_S)


class OtlpSpan:
    """A span of the SDK's as `services.kernel.tracing` knows it."""

    def __init__(self, recorded: RecordedSpan) -> None:
        self._recorded = recorded
        place = recorded.get_span_context()
        self.trace = Trace(format_trace_id(place.trace_id), format_span_id(place.span_id), sampled=True)

    def note(self, name: str, value: Value) -> None:
        self._recorded.set_attribute(name, value)

    def happened(self, name: str, attributes: Attributes) -> None:
        self._recorded.add_event(name, attributes)

    def link(self, other: Trace) -> None:
        self._recorded.add_link(_context_of(other))

    def failed(self, kind: str, is_fault: bool) -> None:
        self._recorded.set_attribute("error.type", kind)
        if is_fault:
            self._recorded.set_status(Status(StatusCode.ERROR))

    def end(self, at_ns: int | None = None) -> None:
        self._recorded.end(at_ns)


def _context_of(trace: Trace) -> SpanContext:
    return SpanContext(int(trace.trace_id, 16), int(trace.span_id, 16), is_remote=True, trace_flags=_RECORDED)


class _SeldomHandler(logging.Handler):
    """Hands on one record in a while: a receiver that is away is told of once, not with each batch."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._quiet_until = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + COMPLAIN_EVERY_S
            logging.getLogger("livedrops.tracing").warning("spans are lost: %s", record.getMessage())


def _complain_seldom() -> None:
    complaints = logging.getLogger("opentelemetry")
    complaints.propagate = False
    complaints.handlers[:] = [_SeldomHandler()]
