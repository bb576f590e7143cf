"""GET /metrics in Prometheus' form, and /livez."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

# Of a client that says nothing: a slow one holds its thread no longer.
CLIENT_TIMEOUT_S = 10


def server_of(registry: CollectorRegistry, host: str, port: int) -> ThreadingHTTPServer:
    """Not serving yet: `serve_forever`."""

    class Handler(BaseHTTPRequestHandler):
        timeout = CLIENT_TIMEOUT_S

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
            elif self.path == "/livez":
                self._answer(200, b"live\n", "text/plain")
            else:
                self._answer(404, b"only /metrics and /livez are here\n", "text/plain")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Prometheus asks every few seconds: nothing to tell."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    return server
