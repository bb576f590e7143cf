"""The line to Elasticsearch: every call has a deadline, and while it is away nobody waits for it.

After a failure, or two answers in a row that did not come in time, calls are refused at once, and a thread of its own asks until
Elasticsearch answers again.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from elastic_transport import ApiResponse, ConnectionTimeout, JsonSerializer, NdjsonSerializer, TransportError
from elasticsearch import ApiError, Elasticsearch

from services.contracts.errors import Unavailable
from services.kernel import tracing
from services.kernel.metrics import Metrics

log = logging.getLogger("livedrops.search")
# A page takes milliseconds; past this somebody gets a plain one instead.
READ_TIMEOUT_S = 1.5
# A batch of hundred documents takes 50 ms, on a busy machine ten times that.
WRITE_TIMEOUT_S = 10.0
CONNECTIONS = 16
# While it is away, it is asked this often whether it is back.
ASK_EVERY_S = 0.5
# Too busy, or some shard is not there: as good as away.
_AWAY = (408, 429, 502, 503, 504)
_JSON = "application/vnd.elasticsearch+json; compatible-with=8"
_NDJSON = "application/vnd.elasticsearch+x-ndjson; compatible-with=8"


class Away(Unavailable):
    """Elasticsearch can't be asked right now."""


class Missing(Unavailable):
    """There is no such index, alias, document or point in time."""


class Refused(Exception):
    """Elasticsearch has understood and will not: a mistake of ours, or, with status 409, somebody was faster."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(f"Elasticsearch answered {status}: {reason}")


class _Json(JsonSerializer):
    """Faster than the standard library's."""

    def json_dumps(self, data: Any) -> bytes:
        return msgspec.json.encode(data)

    def json_loads(self, data: bytes) -> Any:
        return msgspec.json.decode(data)


class _Ndjson(_Json, NdjsonSerializer):
    """The same, a value a line."""


class Engine:
    """url: None where there is no Elasticsearch: it is away for ever. probe: a path that answers once it can do what it is for."""

    def __init__(self, url: str | None, metrics: Metrics, probe: str) -> None:
        self._metrics = metrics
        self._probe = probe
        self._client = _client(url) if url else None
        self._readers = self._client.options(request_timeout=READ_TIMEOUT_S) if self._client else None
        self._writers = self._client.options(request_timeout=WRITE_TIMEOUT_S) if self._client else None
        self._lock = threading.Lock()
        self._reason = "" if url else "no LIVEDROPS_SEARCH_ELASTICSEARCH_URL is set"
        self._slow = 0
        self._closed = threading.Event()

    def is_away(self) -> bool:
        return bool(self._reason)

    def check(self) -> None:
        """Raise Away while it is."""
        if self._reason:
            raise Away(f"Elasticsearch: {self._reason}")

    def read(self, method: str, path: str, body: Any = None, perishable: bool = False) -> Any:
        """A question that somebody waits for. Raises Away, Missing, Refused.

        perishable: what is asked may go at any time, because a new index has taken its place; that is Missing, however it is told.
        """
        return self._ask(self._readers, "read", method, path, body, perishable=perishable)

    def write(self, method: str, path: str, body: Any = None) -> Any:
        """A change, or a question of the indexer's. Raises Away, Missing, Refused."""
        return self._ask(self._writers, "write", method, path, body)

    def bulk(self, operations: Sequence[Any]) -> list[dict[str, Any]]:
        """What became of each operation. Raises Away."""
        answer = self._ask(self._writers, "bulk", "POST", f"/_bulk?timeout={int(WRITE_TIMEOUT_S / 2)}s", operations, _NDJSON)
        return [outcome for item in answer["items"] for outcome in item.values()]

    def close(self) -> None:
        self._closed.set()
        if self._client:
            self._client.close()

    def _ask(
        self,
        client: Elasticsearch | None,
        what: str,
        method: str,
        path: str,
        body: Any,
        content_type: str = _JSON,
        perishable: bool = False,
    ) -> Any:
        self.check()
        assert client is not None
        try:
            with self._metrics.timed(f"store.elasticsearch.{what}"), tracing.part(*_span_of(what, method, path)):
                answer = _answer(client, method, path, body, content_type)
            self._slow = 0
            return answer
        except ConnectionTimeout as error:
            # One that takes too long may be a hard question; two in a row are an engine that hangs.
            self._slow += 1
            raise (self._lost(str(error)) if self._slow > 1 else Away(f"Elasticsearch: {error}")) from error
        except TransportError as error:
            raise self._lost(str(error)) from error
        except ApiError as error:
            if perishable and error.status_code == 503:
                raise Missing(f"Elasticsearch: {error.error}") from error
            if error.status_code in _AWAY:
                raise self._lost(f"{error.status_code} {error.error}") from error
            if error.status_code == 404:
                raise Missing(f"Elasticsearch: {error.error}") from error
            raise Refused(error.status_code, str(error)) from error

    def _lost(self, reason: str) -> Away:
        with self._lock:
            first, self._reason = not self._reason, reason[:200]
        if first:
            log.warning("Elasticsearch is away; going on without it", extra={"error": reason[:500]})
            threading.Thread(target=self._ask_until_back, name="elasticsearch-probe", daemon=True).start()
        return Away(f"Elasticsearch: {reason[:200]}")

    def _ask_until_back(self) -> None:
        began = time.monotonic()
        assert self._readers is not None
        while not self._closed.wait(ASK_EVERY_S):
            try:
                _answer(self._readers, "GET", self._probe, None, _JSON)
            except (TransportError, ApiError):
                self._metrics.count("store.elasticsearch.away")
                continue
            self._reason, self._slow = "", 0
            log.info("Elasticsearch is back", extra={"away_s": round(time.monotonic() - began, 1)})
            return


def _span_of(what: str, method: str, path: str) -> tuple[str, tracing.Kind, tracing.Attributes]:
    """https://opentelemetry.io/docs/specs/semconv/database/elasticsearch/"""
    attributes = {
        "db.system.name": "elasticsearch",
        "db.operation.name": what,
        "http.request.method": method,
        "url.path": path.partition("?")[0],
    }
    return f"elasticsearch {what}", "client", attributes


def _answer(client: Elasticsearch, method: str, path: str, body: Any, content_type: str) -> Any:
    headers = {"accept": _JSON} | ({"content-type": content_type} if body is not None else {})
    answer: ApiResponse[Any] = client.perform_request(method, path, headers=headers, body=body)
    return answer.body


def _client(url: str) -> Elasticsearch:
    # It would tell of every request; what matters we tell ourselves.
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
    serializers: Mapping[str, Any] = {
        mimetype: kind
        for kind, mimetypes in (
            (_Json(), ("application/json", "application/vnd.elasticsearch+json")),
            (_Ndjson(), ("application/x-ndjson", "application/vnd.elasticsearch+x-ndjson")),
        )
        for mimetype in mimetypes
    }
    return Elasticsearch(
        url,
        serializers=serializers,
        connections_per_node=CONNECTIONS,
        # One try more for a connection that the server has closed meanwhile; a deadline that has passed is not tried again.
        max_retries=1,
        retry_on_timeout=False,
        retry_on_status=(),
        http_compress=False,
    )
