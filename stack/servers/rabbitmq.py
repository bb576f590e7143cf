"""RabbitMQ: a single node with a name server (epmd) of its own, so that nothing of it outlives the stack.

Users, rights, exchanges and queues come from services/kernel/topology.py at every start.
"""

import base64
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from services.kernel.topology import definitions, hash_password
from stack.errors import StackError
from stack.instance import write_private
from stack.programs import Program
from stack.servers import Site

# Idle Erlang schedulers spin for a while by default, which keeps two cores busy for nothing. The node listens to its own
# kind on loopback only, and never starts an epmd that nobody would stop.
_ERLANG = "+sbwt none +sbwtdcpu none +sbwtdio none -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
# Erlang looks for each of some 400 modules in each of a hundred folders, plugins that nobody enabled among them, and a look costs two switches
# of threads. With the folders that most modules are in looked at first, a start takes half the time.
_OFTEN_IN_RABBITMQ = ("rabbit", "rabbit_common", "rabbitmq_prelaunch", "cuttlefish", "ra", "osiris")
_OFTEN_IN_ERLANG = ("compiler", "inets", "kernel", "stdlib")
_PROBE_TIMEOUT_S = 1.0
_NODE = "livedrops@localhost"
_METRICS_PLUGIN = "rabbitmq_prometheus"
# The command starts an Erlang of its own: 5 s on an idle machine.
_PLUGIN_DEADLINE_S = 90


class RabbitMQ:
    name = "rabbitmq"

    def __init__(self, site: Site) -> None:
        self._site = site
        self._ports = site.ports
        self._data = site.instance.data / "rabbitmq"
        self._conf = site.instance.state / "rabbitmq.conf"
        self._definitions = site.instance.state / "definitions.json"
        self._plugins = site.instance.state / "enabled_plugins"

    def files(self) -> dict[Path, str]:
        return {
            self._conf: self._conf_text(),
            self._definitions: definitions_text(self._site.credentials.broker, self._definitions),
        }

    def programs(self) -> tuple[Program, ...]:
        binaries = self._site.binaries
        epmd = (str(binaries["epmd"]), "-port", str(self._ports["epmd"]), "-address", "127.0.0.1")
        environment = {**self._site.base, **self._environment()}
        return (
            Program("epmd", epmd, environment, self._data),
            Program("rabbitmq", (str(binaries["rabbitmq-server"]),), environment, self._data, stop_wait_s=30),
        )

    def prepare(self) -> None:
        # Its own commands write this file, so it is none that must stay as it was made.
        write_private(self._plugins, "[].\n")
        for folder in (self._data, self._data / "mnesia"):
            folder.mkdir(mode=0o700, exist_ok=True)

    def is_ready(self) -> bool:
        """Listeners open last, after the definitions are in. A greeting in AMQP shows that it is more than an open port."""
        try:
            with socket.create_connection(("127.0.0.1", self._ports["rabbitmq"]), _PROBE_TIMEOUT_S) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"
        except OSError:
            return False

    def enable_metrics(self) -> None:
        """Have the running broker tell its metrics (15 MB more) until its next start from nothing. Raises StackError."""
        plugins = self._site.binaries["rabbitmq-server"].with_name("rabbitmq-plugins")
        command = [str(plugins), "-q", "-n", _NODE, "enable", _METRICS_PLUGIN]
        try:
            done = subprocess.run(
                command, env={**self._site.base, **self._environment()}, capture_output=True, text=True, timeout=_PLUGIN_DEADLINE_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StackError(f"RabbitMQ's metrics could not be switched on: {error}") from error
        if done.returncode != 0:
            raise StackError(f"RabbitMQ's metrics could not be switched on:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")

    def _environment(self) -> dict[str, str]:
        """Its settings besides the file. HOME holds the Erlang cookie, which must not be the person's own."""
        binaries = self._site.binaries
        return {
            "HOME": str(self._data),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._ports["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": _NODE,
            "RABBITMQ_DIST_PORT": str(self._ports["rabbitmq-dist"]),
            "RABBITMQ_MNESIA_BASE": str(self._data / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._site.instance.logs),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._plugins),
            "RABBITMQ_CONFIG_FILE": str(self._conf),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_PID_FILE": str(self._data / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": " ".join((_ERLANG, *_code_path(binaries))),
            # The start script then becomes the node instead of watching it, so that signals reach the node itself.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _conf_text(self) -> str:
        return f"""\
listeners.tcp.local = 127.0.0.1:{self._ports["rabbitmq"]}
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = {self._ports["rabbitmq-metrics"]}
load_definitions = {self._definitions}
log.console = true
log.file = false
"""


def _code_path(binaries: Mapping[str, Path]) -> list[str]:
    """Arguments that put the folders of most modules first; none where an installation keeps them elsewhere."""
    plugins = binaries["rabbitmq-server"].resolve().parents[1] / "plugins"
    erlang = binaries["epmd"].resolve().parents[2] / "lib"
    homes = [(erlang, name) for name in _OFTEN_IN_ERLANG] + [(plugins, name) for name in _OFTEN_IN_RABBITMQ]
    return [f"-pa {folder}" for home, name in homes for folder in home.glob(f"{name}-[0-9]*/ebin")]


def definitions_text(passwords: Mapping[str, str], previous: Path) -> str:
    """The definitions document. Password hashes of the previous one stay where they still fit: a new salt is no change."""
    document = definitions(passwords)
    kept = _hashes(previous)
    for user in document["users"]:
        old = kept.get(user["name"], "")
        if old and old == hash_password(passwords[user["name"]], base64.b64decode(old)[:4]):
            user["password_hash"] = old
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _hashes(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    document: dict[str, Any] = msgspec.json.decode(file.read_bytes())
    return {user["name"]: user["password_hash"] for user in document["users"]}
