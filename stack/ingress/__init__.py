"""The one public address: HAProxy in front of the gateways, with its own bounds for orders and for reads."""

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from string import Template

from stack import processes
from stack.errors import SetupError
from stack.ports import is_free
from stack.programs import Program
from stack.servers import Site

# 5,000 buyers with two connections each, and room; the streams beside them.
MOST_CONNECTIONS = 12_000 + 8_000
# Below a gateway's count of threads, together with reads: orders never take the last ones.
ORDERS_PER_GATEWAY = 36
READS_PER_GATEWAY = 24
# Few inside and a short wait before: more of either makes no more orders a second, only later answers. With these an order takes 400 ms at p95
# on a machine that makes 600 a second; whoever would wait longer is told to come back (docs/performance.md).
LONGEST_ORDERS_QUEUE = 256
ORDERS_QUEUE_MS = 120
READS_QUEUE_MS = 150
# Below the media unit's count of threads, together: uploads hold theirs for long, and downloads never take the last ones.
UPLOADS_PER_MEDIA = 16
DOWNLOADS_PER_MEDIA = 48
MEDIA_QUEUE_MS = 500
# As many streams as a live process takes in: past them the answer is no, at once, and its client comes back.
STREAMS_PER_LIVE = 8_000
LIVE_QUEUE_MS = 100
LARGEST_BODY_BYTES = 65_536
# HAProxy looks into the first 16 KB of a body, its buffer, less what the headers and its own reserve take.
LONGEST_CHUNKED_BODY_BYTES = 12_000
_PROBE_TIMEOUT_S = 2.0
_SERVER_NAME, _OPERATIONAL_STATE, _RUNNING = 3, 5, "2"
_CHECKED = "check inter 500ms fall 2 rise 1"
_METRICS = Template("""
# For Prometheus.
frontend metrics
    bind $bind
    http-request use-service prometheus-exporter if { path /metrics }
    http-request return status 404
""")
_TEMPLATE = Path(__file__).with_name("haproxy.cfg.tmpl")
# Processes of one unit at most, where they come and go.
MOST_FOUND = 16
# Whoever is about to stop leaves Consul first, and is left alone here within a second. While Consul itself is away, all stays as it was.
_RESOLVERS = """
resolvers consul
    nameserver agent DNS
    accepted_payload_size 8192
    resolve_retries 3
    timeout resolve 1s
    timeout retry 1s
    hold valid 1s
    hold obsolete 0s
    hold nx 30s
    hold timeout 1h
    hold refused 1h
    hold other 1h
"""


class Ingress:
    """HAProxy. gateways, media, live: the ports of their processes, by process name. metrics_port: for Prometheus; none where it is 0."""

    name = "haproxy"

    def __init__(
        self, site: Site, port: int, gateways: Mapping[str, int], media: Mapping[str, int], live: Mapping[str, int], metrics_port: int = 0
    ) -> None:
        self._site = site
        self._port = port
        self._metrics_port = metrics_port
        self._gateways = gateways
        self._media = media
        self._live = live
        self._conf = site.instance.state / "haproxy.cfg"
        self._socket = site.instance.sockets / "haproxy.sock"

    @property
    def processes(self) -> frozenset[str]:
        """Those that it stands before."""
        return frozenset([*self._gateways, *self._media, *self._live])

    def files(self) -> dict[Path, str]:
        return {self._conf: render(self._port, self._socket, self._gateways, self._media, self._live, self._metrics_port)}

    def programs(self) -> tuple[Program, ...]:
        # In the foreground and in one process: supervisord is what restarts it.
        command = (str(self._site.binaries["haproxy"]), "-db", "-f", str(self._conf))
        return (Program("haproxy", command, self._site.base, self._site.instance.state, stop_wait_s=5),)

    def prepare(self) -> None:
        """Raises SetupError that names whoever has the port."""
        if not is_free(self._port):
            raise SetupError(_taken(self._port))

    def is_ready(self) -> bool:
        """Whether a request gets through to a gateway that is ready."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PROBE_TIMEOUT_S)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def sends_to(self, process: str) -> bool:
        """Whether it hands on to this process: it hears of a process that has come back only when it looks again."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_PROBE_TIMEOUT_S)
            try:
                line.connect(str(self._socket))
                line.sendall(b"show servers state\n")
                told = line.makefile().read()
            except OSError:
                return False
        # https://docs.haproxy.org/2.6/management.html#9.3-show%20servers%20state
        rows = [row.split() for row in told.splitlines()[2:] if row]
        states = [row[_OPERATIONAL_STATE] for row in rows if row[_SERVER_NAME] == process]
        return bool(states) and all(state == _RUNNING for state in states)


def render(
    port: int,
    admin_socket: Path,
    gateways: Mapping[str, int],
    media: Mapping[str, int],
    live: Mapping[str, int],
    metrics_port: int = 0,
) -> str:
    """The configuration for processes that are known, from the template."""
    return configuration(
        bind=f"127.0.0.1:{port}",
        socket=f"{admin_socket} mode 600 level operator",
        resolvers="",
        metrics=_METRICS.substitute(bind=f"127.0.0.1:{metrics_port}") if metrics_port else "",
        # One check for each process is enough: the other places look at what it found.
        reads_servers=_servers(gateways, READS_PER_GATEWAY, _CHECKED),
        orders_servers=_servers(gateways, ORDERS_PER_GATEWAY, "track reads/{name}"),
        media_servers=_servers(media, DOWNLOADS_PER_MEDIA, _CHECKED),
        media_upload_servers=_servers(media, UPLOADS_PER_MEDIA, "track media/{name}"),
        live_servers=_servers(live, STREAMS_PER_LIVE, _CHECKED),
    )


def render_for_consul(bind: str, socket: str, dns: str, metrics_bind: str = "") -> str:
    """The configuration for processes that come and go, as Consul tells over DNS, from the same template. dns: where its agent answers."""
    return configuration(
        bind=bind,
        socket=socket,
        resolvers=_RESOLVERS.replace("DNS", dns),
        metrics=_METRICS.substitute(bind=metrics_bind) if metrics_bind else "",
        reads_servers=_found("gateway", READS_PER_GATEWAY),
        orders_servers=_found("gateway", ORDERS_PER_GATEWAY),
        media_servers=_found("media", DOWNLOADS_PER_MEDIA),
        media_upload_servers=_found("media", UPLOADS_PER_MEDIA),
        live_servers=_found("live", STREAMS_PER_LIVE),
    )


def configuration(**places: str) -> str:
    """The template with our bounds, and with what differs from place to place."""
    return Template(_TEMPLATE.read_text()).substitute(
        places,
        maxconn=MOST_CONNECTIONS,
        largest_body=LARGEST_BODY_BYTES,
        longest_chunked_body=LONGEST_CHUNKED_BODY_BYTES,
        longest_orders_queue=LONGEST_ORDERS_QUEUE,
        orders_queue_ms=f"{ORDERS_QUEUE_MS}ms",
        reads_queue_ms=f"{READS_QUEUE_MS}ms",
        media_queue_ms=f"{MEDIA_QUEUE_MS}ms",
        live_queue_ms=f"{LIVE_QUEUE_MS}ms",
        busy_live=_error("Too many live streams. Try again.", "BUSY"),
        busy_media=_error("Too many files at once. Try again.", "BUSY"),
        busy_orders=_error("Too many orders at once. Try again.", "BUSY"),
        busy=_error("Too many requests at once. Try again.", "BUSY"),
        late=_error("The answer did not come in time. Try again.", "UNAVAILABLE"),
        too_large=_error(f"A request body may have {LARGEST_BODY_BYTES} bytes.", "REQUEST_TOO_LARGE"),
    )


def _servers(ports: Mapping[str, int], places: int, health: str) -> str:
    return "\n".join(f"    server {name} 127.0.0.1:{port} maxconn {places} {health.format(name=name)}" for name, port in ports.items())


def _found(service: str, places: int) -> str:
    """Those that Consul calls healthy. Looked at here, too: one that is killed is left alone before Consul has noticed."""
    where = f"server-template {service}- {MOST_FOUND} _{service}._tcp.service.consul resolvers consul resolve-opts allow-dup-ip"
    return f"    {where} resolve-prefer ipv4 init-addr none maxconn {places} check inter 1s fall 2 rise 1"


def _error(message: str, code: str) -> str:
    return json.dumps({"errors": [{"message": message, "extensions": {"code": code}}]}, separators=(",", ":"))


def _taken(port: int) -> str:
    pid = processes.listener_of(port)
    by = f"by process {pid}: {processes.command_line(pid)[:120]}" if pid else "by a process of another user"
    return f"Port {port} of 127.0.0.1 is taken {by}\nStop that, or choose another port: LIVEDROPS_PORT={port + 1} make run"
