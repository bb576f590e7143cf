"""Waiting until programs are ready, and telling early and plainly when one never will be."""

import http.client
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from stack.errors import StartFailed
from stack.instance import Instance
from stack.progress import Progress, done
from stack.supervisor import ProcessState, Supervisor
from stack.waiting import POLL_S

# A program that ended this often before it was ready has a mistake that another try will not mend.
MOST_STARTS = 3
_PROBE_TIMEOUT_S = 1.0
# supervisord is asked less often than the programs themselves: its answer only matters when something fails.
_STATES_EVERY_S = 0.5


def answers(port: int, path: str) -> bool:
    """Whether GET http://127.0.0.1:port/path gives 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@dataclass
class ReadinessWatch:
    """Waits for programs that were just started."""

    instance: Instance
    supervisor: Supervisor
    progress: Progress
    _starts: dict[str, set[int]] = field(default_factory=dict)
    _next_look: float = 0.0

    def wait(self, checks: Mapping[str, Callable[[], bool]], timeout_s: float) -> None:
        """Until each check holds, reporting each as it does. Raises StartFailed for the first that fails or is too late."""
        started = time.monotonic()
        pending = dict(checks)
        while pending:
            for name in [name for name, is_ready in pending.items() if is_ready()]:
                del pending[name]
                self.progress(done(f"{name} ready", started))
            self._look_for_failures(pending)
            if pending and time.monotonic() - started > timeout_s:
                raise self._failure(next(iter(pending)), f"was not ready within {timeout_s:.0f} s")
            if pending:
                time.sleep(POLL_S)

    def _look_for_failures(self, pending: Mapping[str, object]) -> None:
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _STATES_EVERY_S
        states = self.supervisor.states()
        for name in pending:
            self._check(states[name])

    def _check(self, state: ProcessState) -> None:
        starts = self._starts.setdefault(state.name, set())
        if state.started:
            starts.add(state.started)
        if state.state in ("FATAL", "EXITED") or len(starts) > MOST_STARTS:
            raise self._failure(state.name, "ends as soon as it starts")

    def _failure(self, name: str, reason: str) -> StartFailed:
        return StartFailed(name, reason, self.instance.logs / f"{name}.log")
