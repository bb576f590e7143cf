"""Starting and stopping in order: servers side by side, migrations, units side by side, the ingress; and the way back.

The broker takes some ten seconds, most of them on one core: the units start beside it, and wait for it themselves. The optional server, which
takes longest, is started and waited for last, if at all: units do without it until it is there.
"""

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from stack import processes
from stack.environment import Wiring, kept_environment
from stack.errors import StackError, StartFailed
from stack.external_broker import define
from stack.instance import CLONE, Instance
from stack.plan import BROKER, OPTIONAL, Plan
from stack.progress import Progress, done, step
from stack.readiness import ReadinessWatch, answers
from stack.supervisor import Supervisor
from stack.units import Unit
from stack.waiting import wait_until

# RabbitMQ takes 5 s on two idle cores; a busy machine ten times that.
SERVERS_DEADLINE_S = 120
# 20 s of CPU, behind everything else: minutes where a machine has other work.
OPTIONAL_SERVER_DEADLINE_S = 400
UNITS_DEADLINE_S = 60
INGRESS_DEADLINE_S = 15
# A unit is up to its neck in imports for half a second; past this its neighbour does not wait for it.
LOADED_WITHIN_S = 3.0
LIVENESS = "/livez"
MIGRATE_DEADLINE_S = 300
# Above every program's own stop_wait_s, after which supervisord kills it.
STOP_DEADLINE_S = 60
# For processes that nobody supervises any more.
LEFTOVER_GRACE_S = 20

SERVER_PROGRAMS = ("rabbitmq", "postgres", "mongo", "redis", "elasticsearch", "epmd", "backup")
INGRESS_PROGRAM = "haproxy"


def start_servers(plan: Plan, supervisor: Supervisor, progress: Progress) -> None:
    """Start what does not run yet of supervisord and all servers but the optional one, and wait for the stores. Raises StartFailed, SetupError."""
    if not supervisor.is_alive():
        # The ingress first: a taken port is told before anything is made.
        for server in (*([plan.ingress] if plan.ingress else []), *plan.servers):
            server.prepare()
        plan.write()
        mark, _, value = plan.instance.marker.partition("=")
        supervisor.launch(kept_environment(os.environ) | {mark: value})
    mandatory = [server for server in plan.servers if server.name != OPTIONAL]
    supervisor.start([program.name for server in mandatory for program in server.programs()])
    stores = [server.name for server in mandatory if server.name != BROKER]
    ReadinessWatch(plan.instance, supervisor, progress).wait(_ready(plan, *stores), SERVERS_DEADLINE_S)
    define(plan.wiring, plan.instance.state / "definitions.json", progress)


def wait_for_broker(plan: Plan, supervisor: Supervisor, progress: Progress) -> None:
    """It was started with the stores. Raises StartFailed."""
    ReadinessWatch(plan.instance, supervisor, progress).wait(_ready(plan, BROKER), SERVERS_DEADLINE_S)


def start_optional_server(plan: Plan, supervisor: Supervisor) -> None:
    """Last, since its start takes as much CPU as all others together."""
    supervisor.start([program.name for server in plan.servers if server.name == OPTIONAL for program in server.programs()])


def wait_for_optional_server(plan: Plan, supervisor: Supervisor, progress: Progress) -> None:
    """Raises StartFailed."""
    ReadinessWatch(plan.instance, supervisor, progress).wait(_ready(plan, OPTIONAL), OPTIONAL_SERVER_DEADLINE_S)


def _ready(plan: Plan, *names: str) -> dict[str, Callable[[], bool]]:
    """How to see whether each of these servers, as far as they are ours, serves."""
    return {server.name: server.is_ready for server in plan.servers if server.name in names}


def migrate(instance: Instance, wiring: Wiring, progress: Progress) -> None:
    """Bring the stores' schemas up to date. Raises StartFailed with what the migration said."""
    log = instance.logs / "migrate.log"
    with step(progress, "migrated"), log.open("w") as output:
        try:
            result = subprocess.run(
                [sys.executable, "-m", "cli.main", "migrate"],
                env=kept_environment(os.environ) | wiring.environment("migrate"),
                cwd=CLONE,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=MIGRATE_DEADLINE_S,
            )
        except subprocess.TimeoutExpired as error:
            raise StartFailed("migrate", f"took longer than {MIGRATE_DEADLINE_S} s", log) from error
        if result.returncode != 0:
            raise StartFailed("migrate", f"failed with code {result.returncode}", log)


def launch_units(plan: Plan, units: Collection[Unit], supervisor: Supervisor) -> None:
    """Start units anew, so that they run the code of now, without waiting until they can do their work.

    While the broker, which takes longest and most of it on one core, is on its way, one at a time: all at once would starve it.
    """
    names = deque(name for unit in units for name in unit.process_names)
    supervisor.stop(names, STOP_DEADLINE_S)
    while names and not _is_broker_there(plan):
        name = names.popleft()
        supervisor.start([name])
        wait_until(partial(_is_loaded, plan, name), LOADED_WITHIN_S)
    supervisor.start(names)


def _is_loaded(plan: Plan, name: str) -> bool:
    """Whether a unit's process has its imports behind it; also where nobody need wait for that any more."""
    return name not in plan.ports or answers(plan.ports[name], LIVENESS) or _is_broker_there(plan)


def _is_broker_there(plan: Plan) -> bool:
    return all(check() for check in _ready(plan, BROKER).values())


def wait_for_units(plan: Plan, units: Collection[Unit], supervisor: Supervisor, progress: Progress) -> None:
    """Until they can do their work. Raises StartFailed."""
    checks: dict[str, Callable[[], bool]] = {
        name: partial(answers, plan.ports[name], unit.readiness) for unit in units if unit.port for name in unit.process_names
    }
    ReadinessWatch(plan.instance, supervisor, progress).wait(checks, UNITS_DEADLINE_S)


def start_ingress(plan: Plan, supervisor: Supervisor, progress: Progress) -> None:
    """Open the public address. Raises StartFailed."""
    if plan.ingress is None:
        return
    supervisor.start([INGRESS_PROGRAM])
    ReadinessWatch(plan.instance, supervisor, progress).wait({INGRESS_PROGRAM: plan.ingress.is_ready}, INGRESS_DEADLINE_S)


def stop_units(supervisor: Supervisor, progress: Progress) -> None:
    """The public address first, so that nobody is let in any more; then the units, which finish what they have."""
    names = set(supervisor.states())
    units = names - {*SERVER_PROGRAMS, INGRESS_PROGRAM}
    with step(progress, "units stopped"):
        supervisor.stop(names & {INGRESS_PROGRAM}, STOP_DEADLINE_S)
        supervisor.stop(units, STOP_DEADLINE_S)


def stop_everything(instance: Instance, supervisor: Supervisor, progress: Progress) -> None:
    """Leave no process behind, whatever state things are in. Raises StackError when one will not go."""
    if supervisor.is_alive():
        stop_units(supervisor, progress)
        names = set(supervisor.states())
        with step(progress, "servers stopped"):
            # The broker's name server goes last: the broker signs off there.
            supervisor.stop(names & set(SERVER_PROGRAMS) - {"epmd"}, STOP_DEADLINE_S)
            supervisor.stop(names & {"epmd"}, STOP_DEADLINE_S)
            supervisor.shutdown()
    stop_leftovers(instance, progress)


def stop_leftovers(instance: Instance, progress: Progress) -> None:
    """Stop what an instance's supervisord, killed or lost with a reboot's pid files, left running. Raises StackError."""
    started = time.monotonic()
    leftovers = processes.of_instance(instance.marker, _postgres_folders(instance))
    if not leftovers:
        return
    names = ", ".join(sorted({Path(processes.command_line(pid).split(" ")[0]).name for pid in leftovers}))
    if not processes.stop_all(leftovers, LEFTOVER_GRACE_S):
        raise StackError(f"These processes do not end, even when killed: {', '.join(map(str, leftovers))}")
    progress(done(f"stopped leftovers: {names}", started))


def _postgres_folders(instance: Instance) -> Collection[Path]:
    return tuple(folder / "postgres" / "data" for folder in (instance.data, instance.outside_data))
