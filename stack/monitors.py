"""The programs that watch LiveDrops, under the same supervisor as what they watch: each has its place there, and runs only where asked for.

What they are told comes from the package `monitoring`, which Nomad's jobs use as well.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from monitoring.alertmanager import render_alertmanager
from monitoring.alerts import rule_files
from monitoring.pace import Pace
from monitoring.probing import render_units
from monitoring.prometheus import Job, render_prometheus
from stack.environment import Wiring, kept_environment
from stack.instance import CLONE, Instance, write_private
from stack.ports import INGRESS_METRICS, STATSD
from stack.programs import Program

STATSD_EXPORTER, PROMETHEUS, ALERTMANAGER, EXPORTER = "statsd-exporter", "prometheus", "alertmanager", "exporter"
POSTGRES_EXPORTER, REDIS_EXPORTER, ELASTICSEARCH_EXPORTER = "postgres-exporter", "redis-exporter", "elasticsearch-exporter"
NODE_EXPORTER = "node-exporter"
# In the order of starting. Each has a port of its own name, where it serves its metrics.
MONITORS = (
    *(STATSD_EXPORTER, EXPORTER, NODE_EXPORTER, POSTGRES_EXPORTER, REDIS_EXPORTER, ELASTICSEARCH_EXPORTER),
    *(ALERTMANAGER, PROMETHEUS),
)
_FILES = Path(__file__).resolve().parent.parent / "monitoring"
# What is watched goes before who watches.
_NICE = 5
# Two weeks show a week's course beside the last one; a gigabyte bounds the disk whatever comes.
_RETENTION = ("--storage.tsdb.retention.time=15d", "--storage.tsdb.retention.size=1GB")


def places(instance: Instance) -> tuple[Program, ...]:
    """What supervisord knows of them beforehand: how each is stopped. How each is run is written when it is started."""
    return tuple(Program(name, (), {}, instance.state) for name in MONITORS)


class Monitors:
    """The monitoring programs of an instance. binaries: where each is. receiver: whom Alertmanager tells; nobody where it is empty. units_file: where
    somebody else lists the units' processes."""

    def __init__(
        self, instance: Instance, wiring: Wiring, binaries: Mapping[str, Path], pace: Pace, receiver: str, units_file: Path | None = None
    ) -> None:
        self._instance = instance
        self._wiring = wiring
        self._ports = wiring.ports
        self._binaries = binaries
        self._pace = pace
        self._receiver = receiver
        self._folder = instance.state / "monitoring"
        self._units_file = units_file or self._folder / "units.json"
        self._lists_units = units_file is None

    def files(self, name: str) -> dict[Path, str]:
        """What one program reads."""
        match name:
            case "prometheus":
                rules = {self._folder / "rules" / file: text for file, text in rule_files(self._pace).items()}
                told = f"127.0.0.1:{self._ports[ALERTMANAGER]}"
                return {
                    self._folder / "prometheus.yml": render_prometheus(self.jobs(), told, str(self._folder / "rules"), self._pace),
                    **rules,
                }
            case "alertmanager":
                return {self._folder / "alertmanager.yml": render_alertmanager(self._receiver, self._pace)}
            case "exporter" if self._lists_units:
                return {self._units_file: render_units(self._units())}
            case _:
                return {}

    def jobs(self) -> list[Job]:
        """Who is asked for metrics: the exporters that run here, and the servers that tell their own."""
        own = {"rabbitmq": "rabbitmq-metrics", "ingress": INGRESS_METRICS}
        servers = [Job(name, (f"127.0.0.1:{self._ports[port]}",)) for name, port in own.items() if self._has(name)]
        return servers + [Job(name, (f"127.0.0.1:{self._ports[name]}",)) for name in self.names()]

    def names(self) -> list[str]:
        """Those that have something to watch here."""
        needs = {POSTGRES_EXPORTER: "postgres", REDIS_EXPORTER: "redis", ELASTICSEARCH_EXPORTER: "elasticsearch"}
        return [name for name in MONITORS if name not in needs or self._address(needs[name])]

    def programs(self) -> tuple[Program, ...]:
        return tuple(self._program(name) for name in self.names())

    def prepare(self, name: str) -> None:
        """Folders and files of one program."""
        for folder in (self._folder, self._folder / "rules", self._instance.data / name):
            folder.mkdir(mode=0o700, exist_ok=True)
        files = self.files(name)
        for old in set((self._folder / "rules").glob("*.yml")) - set(files) if name == PROMETHEUS else ():
            old.unlink()
        for file, text in files.items():
            write_private(file, text)

    def _program(self, name: str) -> Program:
        command, environment = self._command(name)
        base = kept_environment(os.environ)
        return Program(name, command, base | environment, CLONE, nice=_NICE, retries=10)

    def _command(self, name: str) -> tuple[tuple[str, ...], dict[str, str]]:
        """How it is run, and what it gets beside the usual environment."""
        here = f"127.0.0.1:{self._ports[name]}"
        listen = f"--web.listen-address={here}"
        data, binary = self._instance.data / name, str(self._binaries.get(name, ""))
        match name:
            case "statsd-exporter":
                statsd = f"127.0.0.1:{self._ports[STATSD]}"
                places = (f"--statsd.listen-udp={statsd}", f"--statsd.listen-tcp={statsd}", f"--statsd.mapping-config={_FILES}/statsd.yaml")
                return (binary, listen, *places), {}
            case "exporter":
                settings = {"LIVEDROPS_EXPORTER_ADDRESS": here, "LIVEDROPS_EXPORTER_UNITS": str(self._units_file)}
                # So that each look of Prometheus finds something new.
                settings["LIVEDROPS_EXPORTER_EVERY_S"] = str(self._pace.scrape_s / 2)
                return (sys.executable, "-m", "cli.main", "exporter"), self._wiring.environment(EXPORTER) | settings
            case "postgres-exporter":
                return (binary, listen), {"DATA_SOURCE_NAME": self._address("postgres")}
            case "redis-exporter":
                return (binary, listen), {"REDIS_ADDR": self._address("redis")}
            case "elasticsearch-exporter":
                uri, name, password = _apart(self._address("elasticsearch"))
                return (binary, listen, f"--es.uri={uri}"), {"ES_USERNAME": name, "ES_PASSWORD": password}
            case "alertmanager":
                # One of them has nobody to talk to.
                alone = "--cluster.listen-address="
                return (binary, listen, f"--storage.path={data}", f"--config.file={self._folder}/alertmanager.yml", alone), {}
            case "prometheus":
                storage = (f"--storage.tsdb.path={data}", f"--config.file={self._folder}/prometheus.yml", *_RETENTION)
                return (binary, listen, *storage, f"--web.user-assets={_FILES}/pages"), {}
            case _:
                return (binary, listen, "--collector.disable-defaults", *_NODE_COLLECTORS), {}

    def _has(self, server: str) -> bool:
        return server in self._ports and not self._wiring.settings.replaces(server)

    def _address(self, server: str) -> str:
        """Of a store, as its exporter wants it; empty where there is none."""
        names = {
            "postgres": "LIVEDROPS_ORDERS_POSTGRES_URL",
            "redis": "LIVEDROPS_REDIS_URL",
            "elasticsearch": "LIVEDROPS_SEARCH_ELASTICSEARCH_URL",
        }
        url = self._wiring.environment("operations").get(names[server], "")
        if server != "postgres" or not url or "sslmode=" in url:
            return url
        # The exporter insists on TLS unless told otherwise; our own server, on loopback, has none.
        secure = "prefer" if self._wiring.settings.replaces(server) else "disable"
        return f"{url}{'&' if '?' in url else '?'}sslmode={secure}"

    def _units(self) -> list[tuple[str, str, str]]:
        """Every process that says whether it is ready: its unit, its own name, and where it says so."""
        return [
            (unit.name, process, f"http://127.0.0.1:{self._ports[process]}{unit.readiness}")
            for unit in self._wiring.units
            if unit.port
            for process in unit.process_names
        ]


def _apart(url: str) -> tuple[str, str, str]:
    """An address without its user and password, and those: a command line is open to all."""
    parts = urlsplit(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return bare, unquote(parts.username or ""), unquote(parts.password or "")


_NODE_COLLECTORS = tuple(f"--collector.{name}" for name in ("cpu", "diskstats", "filesystem", "loadavg", "meminfo", "netdev"))
