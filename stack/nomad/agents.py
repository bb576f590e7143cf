"""Consul, Nomad and its autoscaler on this machine, under the supervisor that `make run` has, too: their programs, ports and configuration."""

import os
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from stack.credentials import Credentials
from stack.environment import kept_environment
from stack.errors import SetupError
from stack.instance import CLONE, Instance
from stack.ports import settle_ports
from stack.programs import Program

CONSUL_CONFIG = CLONE / "consul" / "agent.hcl"
NOMAD_CONFIG = Path(__file__).with_name("agent.hcl")
# What people know by heart, where it is free.
FAMILIAR = {"nomad": 4646, "consul": 8500, "ingress": 8010}
PORTS = (
    *FAMILIAR,
    *("consul-dns", "consul-serf-lan", "consul-serf-wan", "consul-server", "nomad-rpc", "nomad-serf", "artifacts", "autoscaler"),
)
# Ports that Nomad gives to tasks: a block of our own, outside of what other instances choose from (stack/ports.py), since Nomad takes a port
# for free that it has not given away itself.
DYNAMIC = "dynamic"
DYNAMIC_PORTS = 400
_FIRST_BLOCK, _LAST_BLOCK = 10_000, 19_000
_MOST_TRIES = 100
# Tokens of Consul, made with the instance's other secrets.
MANAGEMENT, AGENT, DNS, NOMAD = "consul-management", "consul-agent", "consul-dns", "consul-nomad"
TOKENS = (MANAGEMENT, AGENT, DNS, NOMAD)
# Tasks go on without it, and it finds them again: there is nothing to wait for.
_NOMAD_STOP_WAIT_S = 20


@dataclass(frozen=True)
class Agents:
    """Of one instance. binaries: where nomad, consul and nomad-autoscaler are."""

    instance: Instance
    ports: Mapping[str, int]
    credentials: Credentials
    binaries: Mapping[str, Path]

    def files(self) -> dict[Path, str]:
        """What the agents read beside the files that all machines share."""
        return {self._consul_file: _json(self.consul_config()), self._nomad_file: _json(self.nomad_config())}

    def programs(self) -> tuple[Program, ...]:
        consul, nomad = str(self.binaries["consul"]), str(self.binaries["nomad"])
        return (
            self._program("consul", (consul, "agent", f"-config-file={CONSUL_CONFIG}", f"-config-file={self._consul_file}")),
            self._program("artifacts", self._artifact_server()),
            self._program("nomad", (nomad, "agent", f"-config={NOMAD_CONFIG}", f"-config={self._nomad_file}"), _NOMAD_STOP_WAIT_S),
        )

    @property
    def artifacts(self) -> Path:
        return self.instance.state / "artifacts"

    @property
    def consul_address(self) -> str:
        return f"http://127.0.0.1:{self.ports['consul']}"

    @property
    def nomad_address(self) -> str:
        return f"http://127.0.0.1:{self.ports['nomad']}"

    def consul_config(self) -> dict[str, Any]:
        tokens, ports = self.credentials.tokens, self.ports
        return {
            "data_dir": str(self.instance.data / "consul"),
            "ports": {
                "http": ports["consul"],
                "dns": ports["consul-dns"],
                "serf_lan": ports["consul-serf-lan"],
                "serf_wan": ports["consul-serf-wan"],
                "server": ports["consul-server"],
                # For sidecars, of which there are none on one machine.
                "grpc": -1,
                "grpc_tls": -1,
            },
            "acl": {"tokens": {"initial_management": tokens[MANAGEMENT], "agent": tokens[AGENT], "dns": tokens[DNS]}},
        }

    def nomad_config(self) -> dict[str, Any]:
        ports, first = self.ports, self.ports[DYNAMIC]
        return {
            "data_dir": str(self.instance.data / "nomad"),
            "ports": {"http": ports["nomad"], "rpc": ports["nomad-rpc"], "serf": ports["nomad-serf"]},
            "advertise": {name: f"127.0.0.1:{ports[port]}" for name, port in _NOMAD_PORTS.items()},
            "client": {"min_dynamic_port": first, "max_dynamic_port": first + DYNAMIC_PORTS - 1},
            "consul": {"address": f"127.0.0.1:{ports['consul']}", "token": self.credentials.tokens[NOMAD]},
            "ui": {"enabled": True, "consul": {"ui_url": f"{self.consul_address}/ui"}},
        }

    @property
    def _consul_file(self) -> Path:
        return self.instance.state / "consul.json"

    @property
    def _nomad_file(self) -> Path:
        return self.instance.state / "nomad.json"

    def _artifact_server(self) -> tuple[str, ...]:
        place = ("--bind", "127.0.0.1", "--directory", str(self.artifacts))
        return (sys.executable, "-m", "http.server", str(self.ports["artifacts"]), *place)

    def _program(self, name: str, command: tuple[str, ...], stop_wait_s: int = 10) -> Program:
        """With what a process needs and no more: settings of a cloud in a person's environment would end the agents."""
        return Program(name, command, kept_environment(os.environ), self.instance.state, stop_wait_s=stop_wait_s)


_NOMAD_PORTS = {"http": "nomad", "rpc": "nomad-rpc", "serf": "nomad-serf"}


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def settle_all_ports(names: tuple[str, ...], known: Mapping[str, int], free: Callable[[int], bool]) -> dict[str, int]:
    """A port for each name and for the agents, kept from one time to the next, and a block for tasks. Raises SetupError."""
    fixed = {name: port for name, port in known.items() if name != DYNAMIC}
    ports = settle_ports([*PORTS, *names], FAMILIAR | fixed, free)
    return ports | {DYNAMIC: known.get(DYNAMIC) or _free_block(free)}


def _free_block(free: Callable[[int], bool]) -> int:
    for _ in range(_MOST_TRIES):
        first = random.randrange(_FIRST_BLOCK, _LAST_BLOCK, DYNAMIC_PORTS)
        if all(free(port) for port in range(first, first + DYNAMIC_PORTS)):
            return first
    raise SetupError(f"No {DYNAMIC_PORTS} free ports in a row on 127.0.0.1 between {_FIRST_BLOCK} and {_LAST_BLOCK + DYNAMIC_PORTS}")
