"""Starting and stopping what watches an instance that runs: `livedrops monitor up|down|status`."""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from monitoring.pace import Pace
from stack import launch, lifecycle
from stack.environment import kept_environment
from stack.errors import SetupError, StackError
from stack.install import provide
from stack.install_statsd_exporter import provide_statsd_exporter
from stack.instance import Instance
from stack.monitors import ALERTMANAGER, EXPORTER, MONITORS, PROMETHEUS, Monitors
from stack.plan import wiring_of
from stack.processes import resident_bytes, tree
from stack.programs import plan_file, write_plans
from stack.progress import Progress, silent
from stack.readiness import ReadinessWatch, answers
from stack.servers import Site
from stack.servers.rabbitmq import RabbitMQ
from stack.settings import StackSettings
from stack.supervisor import Supervisor
from stack.units import UNITS, Unit

READY_DEADLINE_S = 60
# Whom Alertmanager tells: a webhook of its own form (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config).
RECEIVER = "LIVEDROPS_ALERT_WEBHOOK_URL"
# The programs by the names that Debian gives them.
_BINARIES = {
    "prometheus": "prometheus",
    "prometheus-alertmanager": "alertmanager",
    "prometheus-node-exporter": "node-exporter",
    "prometheus-postgres-exporter": "postgres-exporter",
    "prometheus-redis-exporter": "redis-exporter",
    "prometheus-elasticsearch-exporter": "elasticsearch-exporter",
}
_READY_PATHS = {PROMETHEUS: "/-/ready", ALERTMANAGER: "/-/ready", EXPORTER: "/livez"}


@dataclass(frozen=True)
class MonitorStatus:
    """One row of `status`."""

    name: str
    state: str
    ready: bool
    memory_bytes: int
    address: str


class Monitoring:
    """What watches one instance of the stack. The instance must have been started."""

    def __init__(self, instance: Instance, units: tuple[Unit, ...] = UNITS, environ: Mapping[str, str] | None = None) -> None:
        self.instance = instance
        self._units = units
        self._environ = os.environ if environ is None else environ
        self._settings = StackSettings.of(self._environ)
        self._supervisor = Supervisor(instance)

    @classmethod
    def of_profile(cls, profile: str) -> "Monitoring":
        return cls(Instance.of(profile, os.environ))

    @property
    def is_wanted(self) -> bool:
        """Whether a person's settings say that it starts with the stack."""
        return self._settings.monitoring

    @property
    def dashboards(self) -> str:
        return f"{self.address(PROMETHEUS)}/user/index.html"

    def up(self, progress: Progress = silent) -> None:
        """Start all of it, anew where it runs, with the rules of now. Raises SetupError, StackError."""
        with self.instance.locked():
            if not self._supervisor.is_alive():
                raise SetupError(f"The {self.instance.profile} stack is not running: start it first.")
            if not set(MONITORS) <= set(self._supervisor.states()):
                raise SetupError(
                    "The stack was started by an older version, which has no place for monitoring: stop it and start it again."
                )
            monitors = self._make(progress)
            self._supervisor.stop(MONITORS, lifecycle.STOP_DEADLINE_S)
            for name in monitors.names():
                monitors.prepare(name)
            write_plans(self.instance, monitors.programs())
            self.enable_broker_metrics()
            self._supervisor.start(monitors.names())
            ReadinessWatch(self.instance, self._supervisor, progress).wait(self._checks(monitors.names()), READY_DEADLINE_S)

    def become(self, name: str, units_file: Path) -> None:
        """Replace this process by one of the programs, for a scheduler that runs it. One that has nothing to watch here waits until it is ended.

        units_file: where the units' processes are listed. Raises SetupError, StackError.
        """
        if name not in MONITORS:
            raise StackError(f"There is no program {name!r}: choose one of {', '.join(MONITORS)}")
        monitors = self._make(silent, units_file.resolve())
        programs = {program.name: program for program in monitors.programs()}
        if name not in programs:
            signal.pause()
        monitors.prepare(name)
        write_plans(self.instance, [programs[name]])
        launch.main(str(plan_file(self.instance, name)))

    def down(self) -> None:
        """Stop all of it; what was measured is kept. Nothing to do is no error."""
        with self.instance.locked():
            if self._supervisor.is_alive():
                self._supervisor.stop(set(MONITORS) & set(self._supervisor.states()), lifecycle.STOP_DEADLINE_S)

    def status(self) -> list[MonitorStatus]:
        """Every program that was started; none where monitoring is off."""
        if not self._supervisor.is_alive():
            return []
        states, checks = self._supervisor.states(), self._checks(MONITORS)
        return [
            MonitorStatus(
                name,
                states[name].state,
                not states[name].is_down and checks[name](),
                resident_bytes(tree(states[name].pid)) if states[name].pid else 0,
                self.address(name),
            )
            for name in MONITORS
            if name in states and states[name].state != "STOPPED"
        ]

    def address(self, name: str) -> str:
        """Of a monitoring program."""
        return f"http://127.0.0.1:{self._ports()[name]}"

    def _make(self, progress: Progress, units_file: Path | None = None) -> Monitors:
        found = provide(("monitoring",), progress)
        binaries = {ours: found[debian] for debian, ours in _BINARIES.items()}
        binaries["statsd-exporter"] = provide_statsd_exporter(progress)
        wiring = wiring_of(self.instance, self._units, self._settings)
        receiver = self._environ.get(RECEIVER, "")
        if receiver and not receiver.startswith(("http://", "https://")):
            raise SetupError(f"{RECEIVER}={receiver!r} must start with http:// or https://")
        try:
            return Monitors(self.instance, wiring, binaries, Pace.of(self._environ), receiver, units_file)
        except ValueError as error:
            raise SetupError(str(error)) from error

    def enable_broker_metrics(self) -> None:
        """Let the running broker, where it is ours, tell its metrics."""
        wiring = wiring_of(self.instance, self._units, self._settings)
        if self._settings.replaces("rabbitmq") or answers(wiring.ports["rabbitmq-metrics"], "/metrics"):
            return
        binaries = provide(("rabbitmq",), silent)
        RabbitMQ(Site(self.instance, wiring.ports, wiring.credentials, binaries, kept_environment(os.environ))).enable_metrics()

    def _checks(self, names: "tuple[str, ...] | list[str]") -> dict[str, Callable[[], bool]]:
        ports = self._ports()
        return {name: partial(answers, ports[name], _READY_PATHS.get(name, "/metrics")) for name in names if name in ports}

    def _ports(self) -> Mapping[str, int]:
        return wiring_of(self.instance, self._units, self._settings).ports
