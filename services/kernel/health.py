"""Live and ready checks over HTTP: GET /livez says that the process runs, GET /readyz asks its own dependencies.

An optional dependency that is away is told as degraded, and the process stays ready: reads and orders go on without Redis.
"""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from services.kernel.process import Process, failure_of

log = logging.getLogger("livedrops.health")


def report(process: Process) -> tuple[bool, dict[str, str]]:
    """Whether the process is ready, and what each of its dependencies says."""
    required = process.required | process.taking
    failures = {name: text for name, check in required.items() if (text := failure_of(check))}
    degraded = {name: f"degraded: {text}" for name, check in process.optional.items() if (text := failure_of(check))}
    fine = dict.fromkeys([*required, *process.optional], "ok")
    return not failures, fine | degraded | failures


def serve(process: Process) -> ThreadingHTTPServer:
    """Answer health checks from a thread of its own, on the process's HTTP port. close with `shutdown`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/livez":
                self._answer(200, {"live": True})
            elif self.path == "/readyz":
                ready, parts = report(process)
                self._answer(200 if ready else 503, {"ready": ready, "parts": parts})
            else:
                self._answer(404, {"error": "only /livez and /readyz are here"})

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            log.debug(format, *args)

    settings = process.settings
    server = ThreadingHTTPServer((settings.http_host, settings.http_port), Handler)
    threading.Thread(target=server.serve_forever, name="health", daemon=True, kwargs={"poll_interval": 2.0}).start()
    return server
