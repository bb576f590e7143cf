"""A receiver of spans, by OTLP over HTTP: https://opentelemetry.io/docs/specs/otlp/#otlphttp

For a machine where there is no Jaeger, Tempo or the like: it listens on the loopback only, and keeps the last traces.
"""

import gzip
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, cast

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from cli.trace_store import Happening, SpanRecord

log = logging.getLogger("livedrops.traces")
PATH = "/v1/traces"
PROTOBUF = "application/x-protobuf"
# Our own send some 200 KB at once.
MAX_BODY_BYTES = 8_000_000
# Of a client that has stopped in the middle of its request.
READ_TIMEOUT_S = 10.0


def spans_of(request: ExportTraceServiceRequest) -> Iterator[SpanRecord]:
    """What a message tells. Spans without an id are nobody's, and left out."""
    for resource in request.resource_spans:
        service = str(_attributes(resource.resource.attributes).get("service.name", "unknown"))
        for scope in resource.scope_spans:
            yield from (_record(span, service) for span in scope.spans if span.trace_id and span.span_id)


def _record(span: Span, service: str) -> SpanRecord:
    return SpanRecord(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        service=service,
        begin_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        attributes=_attributes(span.attributes),
        happenings=[Happening(event.time_unix_nano, event.name, _attributes(event.attributes)) for event in span.events],
        links=[link.trace_id.hex() for link in span.links],
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return value.bytes_value.hex() if kind == "bytes_value" else getattr(value, kind) if kind else None


class _Refused(Exception):
    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


class Receiver:
    """keep: takes what came in one request. Called by one thread at a time."""

    def __init__(self, port: int, keep: Callable[[list[SpanRecord]], None]) -> None:
        """Raises OSError where the port is taken."""
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            timeout = READ_TIMEOUT_S
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                try:
                    spans = list(spans_of(_message(self)))
                    with lock:
                        keep(spans)
                    self._answer(200, ExportTraceServiceResponse().SerializeToString(), PROTOBUF)
                except _Refused as refused:
                    self.close_connection = True
                    self._answer(refused.status, f"{refused}\n".encode(), "text/plain; charset=utf-8")

            def do_GET(self) -> None:
                self._answer(404, f"Spans are sent here by POST to {PATH}.\n".encode(), "text/plain; charset=utf-8")

            def _answer(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                log.debug(format, *args)

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def serve(self) -> None:
        """Until `stop`, from another thread."""
        self._server.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _message(handler: BaseHTTPRequestHandler) -> ExportTraceServiceRequest:
    """Raises _Refused."""
    if handler.path != PATH:
        raise _Refused(404, f"Spans are sent to {PATH}.")
    if handler.headers.get("Content-Type", "").partition(";")[0].strip() != PROTOBUF:
        raise _Refused(415, f"Send {PROTOBUF}.")
    length = handler.headers.get("Content-Length", "")
    if not length.isdecimal():
        raise _Refused(411, "Say the body's length.")
    if int(length) > MAX_BODY_BYTES:
        raise _Refused(413, f"A body has {MAX_BODY_BYTES} bytes at the most.")
    body = handler.rfile.read(int(length))
    try:
        if handler.headers.get("Content-Encoding") == "gzip":
            body = _unzipped(body)
        return cast(ExportTraceServiceRequest, ExportTraceServiceRequest.FromString(body))
    except (DecodeError, OSError, EOFError) as error:
        raise _Refused(400, f"The body can't be read: {error}") from error


def _unzipped(body: bytes) -> bytes:
    plain = gzip.GzipFile(fileobj=BytesIO(body)).read(MAX_BODY_BYTES + 1)
    if len(plain) > MAX_BODY_BYTES:
        raise _Refused(413, f"A body has {MAX_BODY_BYTES} bytes at the most.")
    return plain
