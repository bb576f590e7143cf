"""What an `up` is going to run: servers, units and ingress with their ports and secrets, all decided before anything starts."""

import os
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.kernel import topology
from stack.credentials import load_or_make
from stack.environment import Wiring, kept_environment
from stack.errors import SetupError, Unavailable
from stack.ingress import Ingress
from stack.install import provide
from stack.install_elasticsearch import provide_elasticsearch
from stack.instance import CLONE, Instance, write_private
from stack.monitors import MONITORS, places
from stack.ports import INGRESS_METRICS, STATSD, is_free, load_ports, save_ports, settle_ports
from stack.programs import Program, plan_file, supervisord_conf, write_plans
from stack.progress import Progress, left_out
from stack.servers import Server, ServerMaker, Site
from stack.servers.backup import Backup
from stack.servers.elasticsearch import Elasticsearch
from stack.servers.mongo import Mongo
from stack.servers.postgres import Postgres
from stack.servers.rabbitmq import RabbitMQ
from stack.servers.redis import Redis
from stack.settings import StackSettings
from stack.units import Unit

SERVERS: Mapping[str, ServerMaker] = {
    "rabbitmq": RabbitMQ,
    "postgres": Postgres,
    "mongo": Mongo,
    "redis": Redis,
    "elasticsearch": Elasticsearch,
}
# The server that LiveDrops starts without where it can't be had; the others are mandatory.
OPTIONAL = "elasticsearch"
# The one that takes longest of those, and that units wait for by themselves.
BROKER = "rabbitmq"
_PORTS: Mapping[str, tuple[str, ...]] = {
    "rabbitmq": ("rabbitmq", "rabbitmq-dist", "epmd", "rabbitmq-metrics"),
    "elasticsearch": ("elasticsearch", "elasticsearch-transport"),
}
# The units that the ingress stands in front of.
GATEWAY = "gateway"
MEDIA = "media"
LIVE = "live"
# A unit's failing start is retried until somebody mends the cause; each try waits a second longer than the one before.
_UNIT_RETRIES = 100
# Units may finish what is in flight for 10 s.
_UNIT_STOP_WAIT_S = 12


@dataclass(frozen=True)
class Plan:
    """Everything of one instance. `make_plan` makes it; writing it is the first thing that touches the disk.

    absent: servers that can't be had here, and why.
    """

    instance: Instance
    wiring: Wiring
    servers: tuple[Server, ...]
    ingress: Ingress | None
    absent: Mapping[str, str]

    @property
    def ports(self) -> Mapping[str, int]:
        return self.wiring.ports

    def server_programs(self) -> tuple[Program, ...]:
        return tuple(program for server in self.servers for program in server.programs())

    def unit_programs(self) -> tuple[Program, ...]:
        return tuple(unit_program(self.wiring, unit, name) for unit in self.wiring.units for name in unit.process_names)

    def ingress_programs(self) -> tuple[Program, ...]:
        return self.ingress.programs() if self.ingress else ()

    def lasting_files(self) -> dict[Path, str]:
        """Files that a running supervisord and its servers were started with: any change needs a new start of them all."""
        programs = (*self.server_programs(), *self.ingress_programs(), *self.unit_programs(), *places(self.instance))
        files = {self.instance.state / "supervisord.conf": supervisord_conf(self.instance, programs)}
        for server in (*self.servers, *([self.ingress] if self.ingress else [])):
            files |= server.files()
        for program in (*self.server_programs(), *self.ingress_programs()):
            files[plan_file(self.instance, program.name)] = program.launch_plan(self.instance.marker)
        return files

    def is_written(self) -> bool:
        return all(file.exists() and file.read_text() == text for file, text in self.lasting_files().items())

    def write(self) -> None:
        for file, text in self.lasting_files().items():
            write_private(file, text)
        write_plans(self.instance, self.unit_programs())


def unit_program(wiring: Wiring, unit: Unit, process: str, extra: Mapping[str, str] | None = None) -> Program:
    """What runs one process of a unit. extra: environment on top of what it gets anyway."""
    environment = kept_environment(os.environ) | wiring.environment(process) | dict(extra or {})
    command = tuple(part.replace("{python}", sys.executable) for part in unit.command)
    return Program(process, command, environment, CLONE, nice=unit.nice, stop_wait_s=_UNIT_STOP_WAIT_S, retries=_UNIT_RETRIES)


def make_plan(instance: Instance, units: tuple[Unit, ...], settings: StackSettings, running: bool, progress: Progress) -> Plan:
    """Decide, and install what is missing. running: the instance's own servers hold their ports. Raises SetupError."""
    needs_ingress = any(unit.name == GATEWAY for unit in units)
    ours, binaries, absent = _provide(_ours(instance.profile, units, settings), needs_ingress, progress)
    instance.prepare()
    wiring = wire(instance, units, settings, ours, running)
    site = Site(instance, wiring.ports, wiring.credentials, binaries, kept_environment(os.environ))
    servers: list[Server] = [SERVERS[name](site) for name in ours]
    if settings.backup_folder and "postgres" in ours:
        servers.append(Backup(settings.backup_folder, kept_environment(os.environ) | wiring.environment("operations")))
    return Plan(instance, wiring, tuple(servers), make_ingress(site, units), absent)


def make_ingress(site: Site, units: tuple[Unit, ...]) -> Ingress | None:
    """In front of the units that face the world; None where there is no gateway among them."""
    if "ingress" not in site.ports:
        return None
    gateways, media, live = (_ports_of(name, units, site.ports) for name in (GATEWAY, MEDIA, LIVE))
    return Ingress(site, site.ports["ingress"], gateways, media, live, site.ports.get(INGRESS_METRICS, 0))


def _ports_of(unit_name: str, units: tuple[Unit, ...], ports: Mapping[str, int]) -> dict[str, int]:
    """Of all processes of a unit, by name; none where there is no such unit."""
    return {name: ports[name] for unit in units if unit.name == unit_name for name in unit.process_names}


def _ours(profile: str, units: tuple[Unit, ...], settings: StackSettings) -> list[str]:
    """The servers that are ours to run.

    The optional one only where a unit needs it: it would cost a start ten seconds for nothing. Its own tests have it all the same.
    """
    needed = profile == "test" or any(OPTIONAL in unit.needs for unit in units)
    return [name for name in SERVERS if not settings.replaces(name) and (name != OPTIONAL or needed)]


def _provide(ours: list[str], needs_ingress: bool, progress: Progress) -> tuple[list[str], Mapping[str, Path], Mapping[str, str]]:
    """Of the servers that are ours to run those that can be had, their programs, and which can't, and why. Raises SetupError for a mandatory one."""
    binaries = provide([*(name for name in ours if name != OPTIONAL), *(["haproxy"] if needs_ingress else [])], progress)
    if OPTIONAL not in ours:
        return ours, binaries, {}
    try:
        return ours, binaries | provide_elasticsearch(progress), {}
    except Unavailable as reason:
        progress(left_out(OPTIONAL, str(reason)))
        return [name for name in ours if name != OPTIONAL], binaries, {OPTIONAL: str(reason)}


def wire(instance: Instance, units: tuple[Unit, ...], settings: StackSettings, servers: Collection[str], running: bool) -> Wiring:
    """Settle ports and secrets, and keep them. servers: those that are ours to run."""
    file = instance.state / "ports.json"
    known = load_ports(file)
    free: Callable[[int], bool] = (lambda port: port in known.values() or is_free(port)) if running else is_free
    ports = settle_ports(port_names(units, servers, instance.profile), known, free)
    if instance.profile == "dev":
        # People know this one by heart, so it is what they say, free or not.
        ports["ingress"] = settings.ingress_port
    save_ports(file, ports)
    users = {*topology.USERS, *(unit.broker_user for unit in units)}
    return Wiring(instance.profile, ports, load_or_make(instance.state / "secrets.json", sorted(users)), settings, units)


def wiring_of(instance: Instance, units: tuple[Unit, ...], settings: StackSettings) -> Wiring:
    """What the last `up` settled. Raises SetupError before the first."""
    ports = load_ports(instance.state / "ports.json")
    file = instance.state / "secrets.json"
    if not ports or not file.exists():
        raise SetupError(f"The {instance.profile} stack was never started here: livedrops stack up --profile {instance.profile}")
    return Wiring(instance.profile, ports, load_or_make(file, ()), settings, units)


def port_names(units: tuple[Unit, ...], servers: Collection[str], profile: str) -> list[str]:
    listening = [port for name in servers for port in _PORTS.get(name, (name,))]
    processes = [name for unit in units if unit.port for name in unit.process_names]
    return [*listening, *processes, *(["ingress"] if profile == "test" else []), INGRESS_METRICS, STATSD, *MONITORS]
