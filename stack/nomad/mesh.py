"""LiveDrops on Nomad on this machine: agents, secrets, settings and jobs, in the order in which one needs the other."""

import hashlib
import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import msgspec

from services.kernel import topology
from stack import lifecycle
from stack.binaries import cache_folder
from stack.credentials import Credentials, load_or_make
from stack.environment import Wiring, kept_environment
from stack.errors import SetupError, StackError, Unavailable
from stack.install import provide
from stack.install_elasticsearch import provide_elasticsearch
from stack.install_nomad import provide_nomad
from stack.install_statsd_exporter import provide_statsd_exporter
from stack.instance import Instance, write_private
from stack.monitoring import Monitoring
from stack.monitors import ALERTMANAGER, PROMETHEUS
from stack.nomad import mounts, secrets
from stack.nomad.access import CONSUL, MONITORING, talks
from stack.nomad.agents import TOKENS, Agents, settle_all_ports
from stack.nomad.artifact import pack
from stack.nomad.consul import Consul
from stack.nomad.jobs import AUTOSCALER, JOBS, batches
from stack.nomad.scheduler import LOOK_EVERY_S, JobState, Scheduler, declared, variable_flags
from stack.nomad.settings import KV, kv_defaults
from stack.plan import OPTIONAL, SERVERS, port_names
from stack.ports import INGRESS_METRICS, STATSD, is_free, load_ports, save_ports
from stack.programs import supervisord_conf, write_plans
from stack.progress import Progress, done, left_out, silent, step
from stack.readiness import ReadinessWatch
from stack.settings import StackSettings
from stack.supervisor import Supervisor
from stack.units import UNITS, Unit
from stack.waiting import wait_until

AGENTS_DEADLINE_S = 60
STORES_DEADLINE_S = 240
UNITS_DEADLINE_S = 400
MIGRATE_DEADLINE_S = 300
# Above kill_timeout and shutdown_delay of every job, one kind after the other.
STOP_DEADLINE_S = 60
INGRESS = "ingress"


@dataclass(frozen=True)
class Parts:
    """What an `up` has settled."""

    wiring: Wiring
    agents: Agents
    consul: Consul
    scheduler: Scheduler


class Mesh:
    """LiveDrops on Nomad. Making one starts nothing.

    units: those that are run. Elasticsearch and what watches are run where they can be had; the former only where a unit needs it.
    settings: more of Consul's keys below livedrops/settings, and their values; told at each `up`.
    """

    def __init__(
        self,
        instance: Instance,
        units: tuple[Unit, ...] = UNITS,
        with_elasticsearch: bool = True,
        settings: Mapping[str, str] | None = None,
        with_monitoring: bool = True,
    ) -> None:
        self.instance = instance
        self.units = units
        self._settings = settings or {}
        self._with_elasticsearch = with_elasticsearch
        self._with_monitoring = with_monitoring
        self._supervisor = Supervisor(instance)
        self.absent: dict[str, str] = {}

    @classmethod
    def of_clone(cls) -> "Mesh":
        return cls(Instance.of("nomad", os.environ))

    def up(self, progress: Progress = silent) -> None:
        """Start everything, and return when it serves. Safe to repeat: what runs goes on, what is new is deployed. Raises SetupError, StartFailed.

        Stops what it started where it fails before the agents run; jobs that fail stay, to be looked at.
        """
        with self.instance.locked():
            running = self._supervisor.is_alive()
            binaries = provide_nomad(progress)
            servers = self._provide_servers(progress)
            self._provide_monitoring(progress)
            parts = self._settle(servers, running, binaries)
            artifact = pack(parts.agents.artifacts, progress)
            try:
                self._start_agents(parts, running, progress)
            except BaseException:
                # Also on Ctrl-C: agents without jobs are of no use to anybody.
                lifecycle.stop_everything(self.instance, self._supervisor, silent)
                raise
            self._tell(parts)
            self._run_jobs(parts, servers, self.variables(parts, artifact), progress)

    def down(self, progress: Progress = silent) -> None:
        """Stop everything and leave no process behind. Nothing to do is no error."""
        with self.instance.locked():
            if self._supervisor.is_alive():
                self._stop_jobs(progress)
                with step(progress, "agents stopped"):
                    lifecycle.stop_everything(self.instance, self._supervisor, silent)
            lifecycle.stop_leftovers(self.instance, progress)
            mounts.release(self.instance.data)

    def is_running(self) -> bool:
        return self._supervisor.is_alive()

    @cached_property
    def parts(self) -> Parts:
        """As the last `up` settled it. Raises SetupError before the first."""
        ports, file = load_ports(self.instance.state / "ports.json"), self.instance.state / "secrets.json"
        if not ports or not file.exists():
            raise SetupError("LiveDrops was never started on Nomad here: make nomad")
        return self._parts(ports, load_or_make(file, ()), provide_nomad(silent))

    def address(self) -> str:
        """The public address, behind the ingress."""
        return f"http://127.0.0.1:{self.parts.wiring.ports[INGRESS]}"

    def states(self) -> list[JobState]:
        """Of every job that is not stopped, by name."""
        return [state for _, state in sorted(self.parts.scheduler.states().items())]

    def deploy(self, job: str, **variables: str) -> None:
        """Submit one job anew, with other variables than usual, without waiting. Raises StackError."""
        self.parts.scheduler.submit(job_file(job), {**self.given(job), **variables})

    def given(self, job: str) -> dict[str, str]:
        """The variables that a job is submitted with."""
        variables = {**self.variables(self.parts, pack(self.parts.agents.artifacts, silent)), **self._own(self.parts, job)}
        return {name: value for name, value in variables.items() if name in declared(job_file(job))}

    def variables(self, parts: Parts, artifact: Path) -> dict[str, str]:
        """Of all jobs; each takes those that it knows."""
        return {
            "artifact": f"http://127.0.0.1:{parts.wiring.ports['artifacts']}/{artifact.name}",
            "release": artifact.stem.removeprefix("livedrops-"),
            "unpacked": str(cache_folder() / "unpacked"),
            "environment": "development",
            "state_dir": str(self.instance.root),
            "consul_dns": f"127.0.0.1:{parts.wiring.ports['consul-dns']}",
            "autoscaler": str(parts.agents.binaries["nomad-autoscaler"]),
            "nomad_address": parts.agents.nomad_address,
            "haproxy": str(provide(["haproxy"], silent)["haproxy"]),
        }

    def wait_well(self, jobs: Collection[str], timeout_s: float, progress: Progress = silent) -> None:
        """Until each is deployed and runs. Raises StartFailed for the first that fails or is too late."""
        scheduler, started, pending = self.parts.scheduler, time.monotonic(), list(jobs)
        while pending:
            states = scheduler.states()
            for job in list(pending):
                state = states.get(job)
                if state and state.has_failed:
                    raise self._failure(job, state.says)
                if state and state.is_well:
                    pending.remove(job)
                    progress(done(f"{job} runs", started))
            if pending and time.monotonic() - started > timeout_s:
                raise self._failure(pending[0], f"was not well within {timeout_s:.0f} s")
            if pending:
                time.sleep(LOOK_EVERY_S)

    def _failure(self, job: str, reason: str) -> StackError:
        return StackError(f"{job}: {reason}\n{self.parts.scheduler.last_words(job)}\nMore in {self.parts.scheduler.address}/ui/jobs/{job}")

    def _provide_servers(self, progress: Progress) -> list[str]:
        """Install what is missing. The servers that are run. Raises SetupError."""
        mandatory = [name for name in SERVERS if name != OPTIONAL]
        provide([*mandatory, "haproxy"], progress)
        if not (self._with_elasticsearch and any(OPTIONAL in unit.needs for unit in self.units)):
            return mandatory
        try:
            provide_elasticsearch(progress)
        except Unavailable as reason:
            self.absent[OPTIONAL] = str(reason)
            progress(left_out(OPTIONAL, str(reason)))
            return mandatory
        return [*mandatory, OPTIONAL]

    def _provide_monitoring(self, progress: Progress) -> None:
        """Install what is missing of it, or go on without."""
        if not self._with_monitoring:
            return
        try:
            provide(("monitoring",), progress)
            provide_statsd_exporter(progress)
        except SetupError as reason:
            self.absent[MONITORING] = str(reason)
            progress(left_out(MONITORING, str(reason)))

    @property
    def is_watched(self) -> bool:
        return self._with_monitoring and MONITORING not in self.absent

    @property
    def dashboards(self) -> str:
        return f"http://127.0.0.1:{self.parts.wiring.ports[PROMETHEUS]}/user/index.html"

    def _settle(self, servers: Sequence[str], running: bool, binaries: Mapping[str, Path]) -> Parts:
        """Ports and secrets, kept from one time to the next."""
        self.instance.prepare()
        file = self.instance.state / "ports.json"
        known = load_ports(file)
        names = tuple(port_names((), servers, self.instance.profile))
        ports = settle_all_ports(names, known, (lambda port: port in known.values() or is_free(port)) if running else is_free)
        save_ports(file, ports)
        users = {*topology.USERS, *(unit.broker_user for unit in self.units)}
        parts = self._parts(ports, load_or_make(self.instance.state / "secrets.json", sorted(users), TOKENS), binaries)
        self.__dict__["parts"] = parts
        return parts

    def _parts(self, ports: Mapping[str, int], credentials: Credentials, binaries: Mapping[str, Path]) -> Parts:
        agents = Agents(self.instance, ports, credentials, binaries)
        wiring = Wiring(self.instance.profile, ports, credentials, StackSettings.of({}), self.units)
        consul = Consul(agents.consul_address, credentials.tokens, binaries["consul"])
        return Parts(wiring, agents, consul, Scheduler(agents.nomad_address, binaries["nomad"]))

    def _start_agents(self, parts: Parts, running: bool, progress: Progress) -> None:
        """Consul first: Nomad signs in to it. Raises StartFailed."""
        programs, watch = parts.agents.programs(), ReadinessWatch(self.instance, self._supervisor, progress)
        if not running:
            lifecycle.stop_leftovers(self.instance, progress)
            for file, text in parts.agents.files().items():
                write_private(file, text)
            write_private(self._supervisor.conf, supervisord_conf(self.instance, programs))
            write_plans(self.instance, programs)
            mark, _, value = self.instance.marker.partition("=")
            self._supervisor.launch(kept_environment(os.environ) | {mark: value})
        self._supervisor.start(["consul", "artifacts"])
        watch.wait({"consul": parts.consul.is_ready}, AGENTS_DEADLINE_S)
        parts.consul.allow()
        self._supervisor.start(["nomad"])
        watch.wait({"nomad": parts.scheduler.is_ready}, AGENTS_DEADLINE_S)
        parts.consul.admit_tasks(parts.agents.nomad_address)

    def _tell(self, parts: Parts) -> None:
        """Settings to Consul, secrets to Nomad."""
        for key, value in kv_defaults(CONSUL / "settings.json").items():
            parts.consul.add_default(key, value)
        for key, value in self._settings.items():
            parts.consul.set(f"{KV}/{key}", value)
        for name, value in public_settings(parts.wiring).items():
            parts.consul.set(f"{KV}/all/{name}", value)
        for destination, sources in talks(UNITS).items():
            parts.consul.intend(destination, sources)
        for job, items in secrets.of_jobs(self.units, parts.agents.credentials).items():
            parts.scheduler.keep_secrets(job, items)

    def _run_jobs(self, parts: Parts, servers: Sequence[str], variables: Mapping[str, str], progress: Progress) -> None:
        """Stores, schemas, units, ingress. Raises StackError."""
        submit = partial(self._submit, parts, variables)
        submit(servers)
        self.wait_well([name for name in servers if name != OPTIONAL], STORES_DEADLINE_S, progress)
        submit(batches())
        with step(progress, "migrated"):
            self.dispatch("migrate", MIGRATE_DEADLINE_S)
        jobs = [*(unit.name for unit in self.units), INGRESS]
        submit(jobs)
        if self.is_watched:
            # Last, since nobody waits for it, but beside the others.
            Monitoring(self.instance, self.units, {}).enable_broker_metrics()
            jobs += [MONITORING, AUTOSCALER]
            submit(jobs[-2:])
        self.wait_well([*jobs, *(name for name in servers if name == OPTIONAL)], UNITS_DEADLINE_S, progress)

    def _submit(self, parts: Parts, variables: Mapping[str, str], jobs: Collection[str]) -> None:
        """What is as it was submitted last stays as it is: asking Nomad costs a third of a second for each."""
        file = self.instance.state / "submitted.json"
        submitted = msgspec.json.decode(file.read_bytes(), type=dict[str, tuple[str, int]]) if file.exists() else {}
        states = parts.scheduler.states()
        for job in jobs:
            given = {**variables, **self._own(parts, job)}
            summary = _summary(job, given)
            if job in states and submitted.get(job) == (summary, states[job].index):
                continue
            parts.scheduler.submit(job_file(job), given)
            if state := parts.scheduler.state(job):
                submitted[job] = (summary, state.index)
        write_private(file, msgspec.json.encode(submitted).decode())

    def _own(self, parts: Parts, job: str) -> dict[str, str]:
        """What only this job is given: a server and the ingress have ports that stay."""
        ports = parts.wiring.ports
        own = {
            INGRESS: {"port": ports[INGRESS], "metrics_port": ports[INGRESS_METRICS]},
            MONITORING: {"prometheus_port": ports[PROMETHEUS], "alertmanager_port": ports[ALERTMANAGER]},
        }
        found = own.get(job) or ({"port": ports[job]} if job in SERVERS else {})
        return {name: str(port) for name, port in found.items()}

    def dispatch(self, job: str, timeout_s: float) -> None:
        """Run a parameterised job to its end. Raises StackError where it fails or is too late."""
        started = self.parts.scheduler.dispatch(job)
        if not wait_until(lambda: self.parts.scheduler.finished(started), timeout_s, LOOK_EVERY_S):
            raise StackError(f"{job} did not end within {timeout_s:.0f} s\n{self.parts.scheduler.last_words(started)}")

    def _stop_jobs(self, progress: Progress) -> None:
        """The public address first, units next, stores last; each kind has ended before the next is stopped. Executors would outlive the agent."""
        scheduler = self.parts.scheduler
        if not scheduler.is_ready():
            # What it ran is stopped as leftovers.
            return
        jobs = set(scheduler.jobs())
        stores = jobs & {*SERVERS}
        for title, names in (("ingress", jobs & {INGRESS}), ("units", jobs - stores - {INGRESS}), ("servers", stores)):
            with step(progress, f"{title} stopped"):
                for job in sorted(names):
                    scheduler.stop(job)
                self._wait_stopped(names)
        scheduler.forget_finished()

    def _wait_stopped(self, jobs: Collection[str]) -> None:
        scheduler = self.parts.scheduler
        if not wait_until(lambda: not any(row["JobID"] in jobs for row in scheduler.allocations()), STOP_DEADLINE_S, LOOK_EVERY_S):
            raise StackError(
                f"Did not stop within {STOP_DEADLINE_S} s: {', '.join(sorted(row['JobID'] for row in scheduler.allocations()))}"
            )


def _summary(job: str, given: Mapping[str, str]) -> str:
    """Of what a job is submitted with. A server takes its program from the artifact, and is not started anew for a new one: `make nomad-stop` first."""
    telling = {name: value for name, value in given.items() if not (job in SERVERS and name == "artifact")}
    return hashlib.sha256(job_file(job).read_bytes() + msgspec.json.encode(variable_flags(job_file(job), telling))).hexdigest()


def job_file(job: str) -> Path:
    return JOBS / f"{job}.nomad.hcl"


def public_settings(wiring: Wiring) -> dict[str, str]:
    """What this machine's addresses and keys make of settings that are no secret."""
    known = wiring.environment("operations")
    names = ("JWT_PUBLIC_KEY", "VAPID_PUBLIC_KEY", "PUBLIC_URL", "MEDIA_BASE_URL", "MEDIA_UPLOAD_URL")
    return {name.lower(): known[f"LIVEDROPS_{name}"] for name in names} | {"statsd_port": str(wiring.ports[STATSD])}
