"""What is asked of Nomad: secrets, jobs, and how they fare."""

import os
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stack.environment import kept_environment
from stack.errors import StackError
from stack.nomad.http import Agent, Refused
from stack.waiting import wait_until

_COMMAND_DEADLINE_S = 60
# An agent that is asked often would be busy with answering.
LOOK_EVERY_S = 0.5
_LOG_BYTES = 3000


@dataclass(frozen=True)
class JobState:
    """index: changes with each change of the job. running, wanted: how many of its newest deployment. deployment: of what the job is now, empty
    where there is none (yet): running, successful, failed, cancelled, blocked... version: what it deployed."""

    name: str
    type: str
    status: str
    index: int
    running: int
    wanted: int
    deployment: str = ""
    version: int = -1
    says: str = ""

    @property
    def is_well(self) -> bool:
        return self.type != "service" or (self.deployment == "successful" and self.running >= self.wanted)

    @property
    def has_failed(self) -> bool:
        return self.deployment in ("failed", "cancelled")


def _state(job: Mapping[str, Any], deployment: Mapping[str, Any] | None) -> JobState:
    summary = (job["JobSummary"] or {}).get("Summary") or {}
    running = sum(group["Running"] for group in summary.values())
    state = JobState(job["ID"], job["Type"], job["Status"], job["JobModifyIndex"], running, 0)
    if deployment is None or deployment["JobSpecModifyIndex"] != job["JobModifyIndex"]:
        return state
    wanted = sum(group["DesiredTotal"] for group in deployment["TaskGroups"].values())
    return replace(
        state, wanted=wanted, deployment=deployment["Status"], version=deployment["JobVersion"], says=deployment["StatusDescription"]
    )


class Scheduler:
    """Nomad. Everything may be done again."""

    def __init__(self, address: str, program: Path) -> None:
        self.address = address
        self._program = program
        self._agent = Agent("Nomad", address)

    def is_ready(self) -> bool:
        """Whether it has a leader, and a machine to run jobs on."""
        try:
            return any(node["Status"] == "ready" for node in self._agent.get("/v1/nodes") or ())
        except Refused:
            return False

    def keep_secrets(self, job: str, items: Mapping[str, str]) -> None:
        """Replace the variable that only this job's tasks may read; nothing where it is as it should be, which starts nobody anew."""
        path = f"nomad/jobs/{job}"
        known = self._agent.find(f"/v1/var/{path}")
        if known is None or known["Items"] != dict(items):
            self._agent.put(f"/v1/var/{path}", {"Path": path, "Items": dict(items)})

    def run(self, *arguments: str) -> str:
        """Nomad's own command. Raises StackError with what it said."""
        environment = kept_environment(os.environ) | {"NOMAD_ADDR": self.address}
        command = [str(self._program), *arguments]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_COMMAND_DEADLINE_S)
        if result.returncode != 0:
            raise StackError(f"nomad {' '.join(arguments)} failed: {(result.stderr or result.stdout).strip()[-1500:]}")
        return result.stdout

    def submit(self, file: Path, variables: Mapping[str, str]) -> None:
        """Run a job's file, without waiting. The same again changes nothing; how many there are stays as it was scaled. Raises StackError."""
        self.run("job", "run", "-detach", "-preserve-counts", *variable_flags(file, variables), str(file))

    def dispatch(self, job: str) -> str:
        """Start a parameterised job. Returns the name of what was started."""
        return str(self._agent.put(f"/v1/job/{quote(job)}/dispatch", {})["DispatchedJobID"])

    def finished(self, job: str) -> bool:
        """Whether a batch job has done its work. Raises StackError with the end of its log where it failed."""
        allocations = self._agent.get(f"/v1/job/{quote(job, safe='')}/allocations")
        if any(each["ClientStatus"] == "complete" for each in allocations):
            return True
        status = self._agent.get(f"/v1/job/{quote(job, safe='')}")["Status"]
        if status == "dead":
            raise StackError(f"{job} failed\n{self.last_words(job)}")
        return False

    def stop(self, job: str) -> None:
        """Without waiting. Its tasks finish what is in flight."""
        self._agent.delete(f"/v1/job/{quote(job, safe='')}")

    def restart(self, allocation: str, task: str) -> None:
        self._agent.put(f"/v1/client/allocation/{allocation}/restart", {"TaskName": task})

    def jobs(self) -> list[str]:
        """Names of all that are not stopped."""
        return [row["ID"] for row in self._agent.get("/v1/jobs") if not row["Stop"]]

    def allocations(self, job: str | None = None) -> list[dict[str, Any]]:
        """Those that run or are about to, newest first."""
        rows: list[dict[str, Any]] = self._agent.get(f"/v1/job/{quote(job, safe='')}/allocations" if job else "/v1/allocations")
        alive = [row for row in rows if row["ClientStatus"] in ("pending", "running")]
        return sorted(alive, key=lambda row: -int(row["CreateIndex"]))

    def wait_gone(self, timeout_s: float) -> None:
        """Until nothing runs any more. Raises StackError past the deadline."""
        if not wait_until(lambda: not self.allocations(), timeout_s, LOOK_EVERY_S):
            names = sorted({row["JobID"] for row in self.allocations()})
            raise StackError(f"Did not stop within {timeout_s:.0f} s: {', '.join(names)}")

    def forget_finished(self) -> None:
        """Delete the folders of what has ended: each has a copy of the artifact."""
        self._agent.get("/v1/client/gc")

    def states(self) -> dict[str, JobState]:
        """Of all jobs that are not stopped, by name; in two questions, however many they are."""
        newest: dict[str, dict[str, Any]] = {}
        for deployment in sorted(self._agent.get("/v1/deployments"), key=lambda row: int(row["CreateIndex"])):
            newest[deployment["JobID"]] = deployment
        rows = (row for row in self._agent.get("/v1/jobs") if not row["Stop"] and not row["ParentID"])
        return {row["ID"]: _state(row, newest.get(row["ID"])) for row in rows}

    def state(self, job: str) -> JobState | None:
        """None where there is no such job, or it is stopped."""
        return self.states().get(job)

    def count(self, job: str) -> int:
        """How many of it are to run. Raises Refused where there is no such job."""
        return sum(int(group["Count"]) for group in self._agent.get(f"/v1/job/{quote(job, safe='')}")["TaskGroups"])

    def last_words(self, job: str) -> str:
        """The end of what the newest allocation of a job wrote, and what befell it."""
        rows = sorted(self._agent.get(f"/v1/job/{quote(job, safe='')}/allocations"), key=lambda row: -int(row["CreateIndex"]))
        if not rows:
            return "Nothing of it could be placed: " + self._why_unplaced(job)
        parts = []
        for task, state in (rows[0]["TaskStates"] or {}).items():
            parts += [f"{task}: {event['DisplayMessage']}" for event in (state["Events"] or ())[-3:]]
            parts += [log for kind in ("stdout", "stderr") if (log := self._log(rows[0]["ID"], task, kind))]
        return "\n".join(parts)

    def _why_unplaced(self, job: str) -> str:
        rows = self._agent.get(f"/v1/job/{quote(job, safe='')}/evaluations")
        reasons = [
            list((failed.get("DimensionExhausted") or failed.get("ConstraintFiltered") or {}).items())
            for row in rows
            for failed in (row["FailedTGAllocs"] or {}).values()
        ]
        return f"{reasons[:1] or 'no evaluation says why'}"

    def _log(self, allocation: str, task: str, kind: str) -> str:
        try:
            where = f"task={quote(task)}&type={kind}&plain=true&origin=end&offset={_LOG_BYTES}"
            return self._agent.text(f"/v1/client/fs/logs/{allocation}?{where}").strip()
        except Refused:
            return ""


def variable_flags(file: Path, variables: Mapping[str, str]) -> list[str]:
    """-var for each variable that the file declares."""
    names = declared(file)
    return [flag for name, value in variables.items() if name in names for flag in ("-var", f"{name}={value}")]


def declared(file: Path) -> Collection[str]:
    """Names of a job file's variables."""
    lines = (line.split('"') for line in file.read_text().splitlines() if line.startswith('variable "'))
    return {parts[1] for parts in lines}
