"""The stack for programs: tests, the command line and the benchmarks all go through Stack."""

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stack import lifecycle, processes
from stack.environment import Wiring
from stack.errors import StackError
from stack.instance import Instance, write_private
from stack.monitors import MONITORS
from stack.plan import OPTIONAL, SERVERS, Plan, make_ingress, make_plan, unit_program, wiring_of
from stack.programs import plan_file
from stack.progress import Progress, silent
from stack.readiness import answers
from stack.servers import Site
from stack.settings import StackSettings
from stack.supervisor import ProcessState, Supervisor
from stack.units import UNITS, Unit, unit_of
from stack.waiting import wait_until

READY_DEADLINE_S = 60.0


@dataclass(frozen=True)
class Status:
    """One row of `status`. address is empty for what is spoken to by nobody outside; ready is False for what does not run."""

    process: ProcessState
    ready: bool
    memory_bytes: int
    address: str


class Stack:
    """One instance of the stack. Making one starts nothing.

    Names are those of units ("orders", or "gateway" for all its processes), of processes ("gateway-1"), and of servers
    ("rabbitmq", "postgres", "mongo", "redis", "elasticsearch", and "ingress"). Methods raise SetupError before the first `up`, and StackError
    for a name that this stack does not have.
    """

    def __init__(self, instance: Instance, units: tuple[Unit, ...] = UNITS, environ: Mapping[str, str] | None = None) -> None:
        self.instance = instance
        self.units = units
        self._settings = StackSettings.of(os.environ if environ is None else environ)
        self._supervisor = Supervisor(instance)
        self._absent: Mapping[str, str] = {}

    @classmethod
    def of_profile(cls, profile: str, units: tuple[Unit, ...] = UNITS) -> "Stack":
        """The instance of this clone. profile: "dev" or "test"."""
        return cls(Instance.of(profile, os.environ), units)

    def up(self, servers_only: bool = False, progress: Progress = silent, all_of_it: bool = True) -> None:
        """Start everything, and return when it serves. Safe to repeat: servers go on, units are started anew with the code of now.

        all_of_it: False leaves what people can look and buy without, most units and the optional server, to `start_rest`.

        Stops what it started where it fails. Raises SetupError, StartFailed.
        """
        with self.instance.locked():
            running = self._supervisor.is_alive()
            if not running:
                lifecycle.stop_leftovers(self.instance, progress)
            plan = make_plan(self.instance, self.units, self._settings, running, progress)
            self._absent = plan.absent
            if running and not plan.is_written():
                lifecycle.stop_everything(self.instance, self._supervisor, progress)
            try:
                lifecycle.start_servers(plan, self._supervisor, progress)
                if servers_only:
                    lifecycle.stop_units(self._supervisor, silent)
                    lifecycle.start_optional_server(plan, self._supervisor)
                    lifecycle.wait_for_broker(plan, self._supervisor, progress)
                    lifecycle.wait_for_optional_server(plan, self._supervisor, progress)
                    return
                plan.write()
                self._start_units(plan, [unit for unit in self.units if all_of_it or unit.first], progress)
                if all_of_it:
                    lifecycle.start_optional_server(plan, self._supervisor)
                    lifecycle.wait_for_optional_server(plan, self._supervisor, progress)
            except BaseException:
                # Also on Ctrl-C: half a stack is of no use to anybody.
                lifecycle.stop_everything(self.instance, self._supervisor, silent)
                raise

    def _start_units(self, plan: Plan, units: Sequence[Unit], progress: Progress) -> None:
        lifecycle.migrate(self.instance, plan.wiring, progress)
        # What is left for later would go on with the code of before, on the schemas of now.
        rest = [name for unit in self.units if unit not in units for name in unit.process_names]
        self._supervisor.stop(rest, lifecycle.STOP_DEADLINE_S)
        lifecycle.launch_units(plan, units, self._supervisor)
        lifecycle.wait_for_broker(plan, self._supervisor, progress)
        lifecycle.wait_for_units(plan, units, self._supervisor, progress)
        lifecycle.start_ingress(plan, self._supervisor, progress)

    def start_rest(self) -> None:
        """After an `up` of less than all of it: start the rest, without waiting until it serves."""
        self._supervisor.start([name for unit in self.units if not unit.first for name in unit.process_names])
        if OPTIONAL in self._supervisor.states():
            self._supervisor.start([OPTIONAL])

    def unready(self) -> list[str]:
        """The units that do not serve now, and the optional server where it is to."""
        serves = {name: check() for name, check in self._checks().items()}
        names = [unit.name for unit in self.units if not all(serves.get(process, True) for process in unit.process_names)]
        return names if serves.get(OPTIONAL, True) else [*names, OPTIONAL]

    def down(self, progress: Progress = silent) -> None:
        """Stop everything and leave no process behind. Nothing to do is no error."""
        with self.instance.locked():
            lifecycle.stop_everything(self.instance, self._supervisor, progress)

    def migrate(self, progress: Progress = silent) -> None:
        """Bring the stores' schemas up to date. `up` does it too. Raises StartFailed."""
        lifecycle.migrate(self.instance, self._wiring(), progress)

    def is_running(self) -> bool:
        """Whether it was started and not stopped; single programs may be down."""
        return self._supervisor.is_alive()

    def has(self, server: str) -> bool:
        """Whether there is such a server to talk to, ours or the person's own. Only "elasticsearch" may be missing."""
        return self._settings.replaces(server) or server in self._wiring().ports

    def why_absent(self, server: str) -> str:
        """Why the last `up` of this object left a server out; empty where it did not."""
        return self._absent.get(server, "")

    def environment(self, name: str) -> dict[str, str]:
        """LIVEDROPS_* settings for a unit, one of its processes, or a broker user that is no unit ("operations", "migrate")."""
        return self._wiring().environment(name)

    def address(self, name: str) -> str:
        """host:port of a server, http://host:port of the ingress or of a process (of a unit's first one)."""
        place = _place(self._names(name)[0], self._wiring().ports)
        if not place:
            raise StackError(f"{name} has no address of ours")
        return place

    def pid(self, name: str) -> int:
        """Of a running server, process, or a unit's first process."""
        return self.pids(name)[0]

    def pids(self, name: str) -> list[int]:
        """Of all processes of a unit. Raises StackError where one is not running."""
        states = self._supervisor.states()
        pids = [states[process].pid for process in self._names(name)]
        if not all(pids):
            raise StackError(f"{name} is not running")
        return pids

    def start(self, name: str) -> None:
        """Start without waiting until it is ready."""
        self._supervisor.start(self._names(name))

    def stop(self, name: str) -> None:
        """Stop and wait until it has ended; it stays stopped."""
        self._supervisor.stop(self._names(name), lifecycle.STOP_DEADLINE_S)

    def restart(self, name: str) -> None:
        self.stop(name)
        self.start(name)

    def kill(self, name: str) -> None:
        """Kill as a crash would (SIGKILL), with everything below it; supervisord starts it again."""
        for pid in self.pids(name):
            for each in processes.tree(pid):
                try:
                    os.kill(each, signal.SIGKILL)
                except ProcessLookupError:
                    continue

    def wait_ready(self, name: str, timeout_s: float = READY_DEADLINE_S) -> None:
        """Until all of it serves, through the ingress where it stands behind it. Raises StackError past the deadline."""
        checks, ingress = self._checks(), make_ingress(self._site(), self.units)
        for process in self._names(name):
            if not wait_until(checks[process], timeout_s):
                raise StackError(f"{process} was not ready within {timeout_s:.0f} s; its log: {self.log(process)}")
            if ingress and process in ingress.processes and not wait_until(partial(ingress.sends_to, process), timeout_s):
                raise StackError(f"the ingress did not take {process} back within {timeout_s:.0f} s; its log: {self.log('ingress')}")

    def is_ready(self, name: str) -> bool:
        """Whether all of it serves now. A server that is the person's own counts as ready."""
        checks = self._checks()
        return all(checks[process]() for process in self._names(name) if process in checks)

    def set_environment(self, unit_name: str, extra: Mapping[str, str]) -> None:
        """Start a unit anew with more environment variables, until `clear_environment` or the next `up`. Does not wait."""
        unit = unit_of(unit_name, self.units)
        if unit is None:
            raise StackError(f"{unit_name} is no unit")
        self.stop(unit_name)
        for process in self._names(unit_name):
            program = unit_program(self._wiring(), unit, process, extra)
            write_private(plan_file(self.instance, process), program.launch_plan(self.instance.marker))
        self.start(unit_name)

    def clear_environment(self, unit_name: str) -> None:
        """Start a unit anew as `up` would. Does not wait."""
        self.set_environment(unit_name, {})

    def log(self, name: str) -> Path:
        """The log file of a server, process, or a unit's first process."""
        return self.instance.logs / f"{self._names(name)[0]}.log"

    def status(self) -> list[Status]:
        """Every program, servers first."""
        if not self.is_running():
            return []
        checks, ports = self._checks(), self._wiring().ports
        rows = []
        for process in self._supervisor.states().values():
            if process.name in MONITORS:
                continue
            # STARTING lasts a second, whatever the program does: it may well serve already.
            ready = process.state in ("RUNNING", "STARTING") and checks.get(process.name, lambda: True)()
            memory = processes.resident_bytes(processes.tree(process.pid)) if process.pid else 0
            rows.append(Status(process, ready, memory, _place(process.name, ports)))
        return sorted(rows, key=lambda row: (row.process.name not in lifecycle.SERVER_PROGRAMS, row.process.name))

    def _names(self, name: str) -> tuple[str, ...]:
        """Names of the programs that a name stands for."""
        unit = unit_of(name, self.units)
        if unit:
            return unit.process_names if name == unit.name else (name,)
        if name in ("ingress", lifecycle.INGRESS_PROGRAM):
            return (lifecycle.INGRESS_PROGRAM,)
        if name in lifecycle.SERVER_PROGRAMS:
            return (name,)
        raise StackError(f"This stack has no {name!r}")

    def _checks(self) -> dict[str, Callable[[], bool]]:
        """How to see whether each program serves, by program name."""
        site = self._site()
        checks: dict[str, Callable[[], bool]] = {name: make(site).is_ready for name, make in SERVERS.items() if name in site.ports}
        for unit in self.units:
            for process in (name for name in unit.process_names if name in site.ports):
                checks[process] = partial(answers, site.ports[process], unit.readiness)
        if ingress := make_ingress(site, self.units):
            checks[lifecycle.INGRESS_PROGRAM] = ingress.is_ready
        return checks

    def _site(self) -> Site:
        """For looking only: where executables lie matters for starting."""
        wiring = self._wiring()
        return Site(self.instance, wiring.ports, wiring.credentials, {}, {})

    def _wiring(self) -> Wiring:
        return wiring_of(self.instance, self.units, self._settings)


def _place(program: str, ports: Mapping[str, int]) -> str:
    """Where a program is spoken to; empty where it has no port of ours."""
    port = ports.get("ingress" if program == lifecycle.INGRESS_PROGRAM else program)
    if port is None:
        return ""
    return f"127.0.0.1:{port}" if program in lifecycle.SERVER_PROGRAMS else f"http://127.0.0.1:{port}"
