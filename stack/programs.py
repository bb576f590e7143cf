"""What supervisord runs: one Program for each process, and the configuration that is made of them."""

import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

import msgspec

from stack.instance import Instance, write_private

_LAUNCH = Path(__file__).with_name("launch.py")

_SUPERVISORD = Template("""\
[unix_http_server]
file=$sockets/supervisor.sock
chmod=0700

[supervisord]
logfile=$logs/supervisord.log
logfile_maxbytes=10MB
logfile_backups=3
pidfile=$state/supervisord.pid
childlogdir=$logs
directory=$state
nocleanup=true
silent=true

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
""")

# A log of 10 MB, with three older ones, holds a day of a busy developer and no disk's worth.
_PROGRAM = Template("""
[program:$name]
command=$command
directory=$state
autostart=false
autorestart=true
startsecs=1
startretries=$retries
stopsignal=$stop_signal
stopwaitsecs=$stop_wait_s
killasgroup=true
redirect_stderr=true
stdout_logfile=$logs/$name.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
""")


@dataclass(frozen=True)
class Program:
    """One process under supervision.

    command: an absolute path and its arguments.
    user: whose rights it takes on, None for those of whoever starts the stack.
    stop_wait_s: after this, its whole process group is killed.
    retries: starts in a row that may fail before supervisord gives up on it, each a second later than the one before.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    user: str | None = None
    nice: int = 0
    stop_signal: str = "TERM"
    stop_wait_s: int = 20
    retries: int = 3

    def launch_plan(self, marker: str) -> str:
        """The JSON that stack/launch.py reads."""
        mark, _, value = marker.partition("=")
        plan = {
            "command": self.command,
            "environment": {**self.environment, mark: value},
            "folder": str(self.folder),
            "user": self.user,
            "nice": self.nice,
        }
        return msgspec.json.format(msgspec.json.encode(plan), indent=2).decode() + "\n"


def plan_file(instance: Instance, name: str) -> Path:
    return instance.programs / f"{name}.json"


def write_plans(instance: Instance, programs: Iterable[Program]) -> None:
    for program in programs:
        write_private(plan_file(instance, program.name), program.launch_plan(instance.marker))


def supervisord_conf(instance: Instance, programs: Iterable[Program]) -> str:
    """supervisord's configuration. Nothing starts by itself: `up` starts each when what it needs is there."""
    places = {"state": _escaped(instance.state), "logs": _escaped(instance.logs), "sockets": _escaped(instance.sockets)}
    text = _SUPERVISORD.substitute(places)
    for program in programs:
        command = shlex.join([sys.executable, "-I", "-S", str(_LAUNCH), str(plan_file(instance, program.name))])
        text += _PROGRAM.substitute(
            places,
            name=program.name,
            command=_escaped(command),
            retries=program.retries,
            stop_signal=program.stop_signal,
            stop_wait_s=program.stop_wait_s,
        )
    return text


def _escaped(value: object) -> str:
    """supervisord expands %(names)s in its configuration."""
    return str(value).replace("%", "%%")
