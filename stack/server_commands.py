"""`livedrops server`: one server of this machine, for a scheduler that wants to run it itself.

The same program, configuration and folders as in `make run`: they come from stack/servers.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import click

from stack import launch
from stack.commands import told_plainly
from stack.environment import kept_environment
from stack.errors import StackError
from stack.install import provide
from stack.install_elasticsearch import provide_elasticsearch
from stack.instance import Instance, write_private
from stack.plan import OPTIONAL, SERVERS, wiring_of
from stack.ports import is_free, load_ports
from stack.programs import Program, plan_file, write_plans
from stack.progress import silent
from stack.servers import Server, Site
from stack.settings import StackSettings
from stack.units import UNITS
from stack.waiting import wait_until

SETTLE_DEADLINE_S = 240.0
NAME_SERVER_DEADLINE_S = 60.0
_profile_option = click.option("--profile", default="nomad", show_default=True, help="Whose ports, secrets and data.")


@click.group()
def server() -> None:
    """One server of this machine, run by whoever calls this."""


@server.command("run")
@click.argument("name")
@_profile_option
@told_plainly
def run_server(name: str, profile: str) -> None:
    """Become the server NAME: rabbitmq, epmd, postgres, mongo, redis or elasticsearch.

    Makes its data folder where there is none. LIVEDROPS_STATE_DIR says where the profile lies.

    \b
    Example:
      LIVEDROPS_STATE_DIR=/srv/livedrops/.run livedrops server run postgres
    """
    here = Instance.of(profile, os.environ)
    program = prepared(here, name)
    if name == "rabbitmq":
        _await_name_server(here)
    launch.main(str(plan_file(here, program.name)))


@server.command()
@click.argument("name")
@_profile_option
@told_plainly
def settle(name: str, profile: str) -> None:
    """Wait until the server NAME takes writes, and tell it what only a running one can be told: roles, databases, a replica set.

    \b
    Example:
      LIVEDROPS_STATE_DIR=/srv/livedrops/.run livedrops server settle postgres
    """
    if not wait_until(server_of(Instance.of(profile, os.environ), name).is_ready, SETTLE_DEADLINE_S):
        raise StackError(f"{name} was not ready within {SETTLE_DEADLINE_S:.0f} s")
    click.echo(f"{name} is ready")


def prepared(here: Instance, name: str) -> Program:
    """The program of that name, with its folders, configuration and plan written. Raises StackError, SetupError."""
    here.prepare()
    chosen = server_of(here, "rabbitmq" if name == "epmd" else name)
    programs = {program.name: program for program in chosen.programs()}
    chosen.prepare()
    for file, text in chosen.files().items():
        write_private(file, text)
    write_plans(here, [programs[name]])
    return programs[name]


def server_of(here: Instance, name: str) -> Server:
    """Raises StackError for a name that no server has, SetupError before the first `up` of the profile."""
    if name not in SERVERS:
        raise StackError(f"There is no server {name!r}: choose one of {', '.join([*SERVERS, 'epmd'])}")
    wiring = wiring_of(here, UNITS, StackSettings.of(os.environ))
    return SERVERS[name](Site(here, wiring.ports, wiring.credentials, _binaries(name), kept_environment(os.environ)))


def _await_name_server(here: Instance) -> None:
    """RabbitMQ would start one that nobody stops. Raises StackError."""
    port = load_ports(here.state / "ports.json")["epmd"]
    if not wait_until(lambda: not is_free(port), NAME_SERVER_DEADLINE_S):
        raise StackError(f"epmd does not listen on port {port} after {NAME_SERVER_DEADLINE_S:.0f} s")


def _binaries(name: str) -> Mapping[str, Path]:
    return provide_elasticsearch(silent) if name == OPTIONAL else provide([name], silent)
