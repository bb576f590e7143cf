"""What is asked of Consul: who may do what, settings, who may talk to whom."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from stack.environment import kept_environment
from stack.errors import StackError
from stack.nomad.access import MONITORING, MONITORING_ROLE, UNITS_ROLE, policies
from stack.nomad.agents import AGENT, DNS, MANAGEMENT, NOMAD
from stack.nomad.http import Agent, Refused

# By which tasks of Nomad sign in.
AUTH_METHOD = "nomad-workloads"
_AUDIENCE = "consul.io"
_CLAIMS = ("nomad_namespace", "nomad_job_id", "nomad_task", "nomad_service")
# Whose policy each token has. The management token has all rights from the start.
_POLICIES = {AGENT: "livedrops-agent", DNS: "livedrops-ingress", NOMAD: "livedrops-nomad"}
_COMMAND_DEADLINE_S = 30
# Values of at most 512 KB: https://developer.hashicorp.com/consul/api-docs/kv
LONGEST_VALUE = 512 * 1024


class Consul:
    """With the rights of the management token. Everything may be done again."""

    def __init__(self, address: str, tokens: Mapping[str, str], program: Path) -> None:
        self._tokens = tokens
        self._program = program
        self._agent = Agent("Consul", address, {"X-Consul-Token": tokens[MANAGEMENT]})

    def is_ready(self) -> bool:
        """Whether it has a leader, and the management token is in force."""
        try:
            return bool(self._agent.get("/v1/status/leader")) and bool(self._agent.get("/v1/acl/token/self"))
        except Refused:
            return False

    def allow(self) -> None:
        """Policies, tokens and the role of tasks. Raises Refused."""
        for name, rules in policies().items():
            self._put_policy(name, rules)
        for token, policy in _POLICIES.items():
            self._put_token(token, policy)
        for role in (UNITS_ROLE, MONITORING_ROLE):
            self._put_role(role, role)

    def intend(self, destination: str, sources: Sequence[str]) -> None:
        """Nobody but these may talk to it: consul/intentions says the same. Raises Refused."""
        allowed = [{"Name": name, "Action": "allow", "Type": "consul"} for name in sources]
        denied = {"Name": "*", "Action": "deny", "Type": "consul"}
        self._agent.put("/v1/config", {"Kind": "service-intentions", "Name": destination, "Sources": [*allowed, denied]})

    def add_default(self, key: str, value: str) -> None:
        """Only where there is no such key: what an operator has set stays."""
        self._agent.put(f"/v1/kv/{quote(key)}?cas=0", raw=value.encode())

    def set(self, key: str, value: str) -> None:
        self._agent.put(f"/v1/kv/{quote(key)}", raw=value.encode())

    def unset(self, key: str) -> None:
        self._agent.delete(f"/v1/kv/{quote(key)}")

    def healthy(self, service: str) -> list[tuple[str, int]]:
        """Host and port of all that are ready."""
        rows = self._agent.get(f"/v1/health/service/{quote(service)}?passing=true")
        return [(row["Service"]["Address"], row["Service"]["Port"]) for row in rows]

    def run(self, *arguments: str) -> str:
        """Consul's own command. Raises StackError with what it said."""
        environment = kept_environment(os.environ) | {
            "CONSUL_HTTP_ADDR": self._agent.address,
            "CONSUL_HTTP_TOKEN": self._tokens[MANAGEMENT],
        }
        command = [str(self._program), *arguments]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_COMMAND_DEADLINE_S)
        if result.returncode != 0:
            raise StackError(f"consul {' '.join(arguments)} failed: {(result.stderr or result.stdout).strip()[-500:]}")
        return result.stdout

    def _put_policy(self, name: str, rules: str) -> None:
        known = self._agent.find(f"/v1/acl/policy/name/{name}")
        self._agent.put(f"/v1/acl/policy/{known['ID']}" if known else "/v1/acl/policy", {"Name": name, "Rules": rules})

    def _put_role(self, name: str, policy: str) -> None:
        known = self._agent.find(f"/v1/acl/role/name/{name}")
        self._agent.put(f"/v1/acl/role/{known['ID']}" if known else "/v1/acl/role", {"Name": name, "Policies": [{"Name": policy}]})

    def _put_token(self, name: str, policy: str) -> None:
        secret = self._tokens[name]
        if any(token.get("Description") == name for token in self._agent.get("/v1/acl/tokens")):
            return
        self._agent.put("/v1/acl/token", {"SecretID": secret, "Description": name, "Policies": [{"Name": policy}]})

    def admit_tasks(self, nomad_address: str) -> None:
        """Let tasks of Nomad, which must be running, sign in. Raises Refused."""
        method = {
            "Name": AUTH_METHOD,
            "Type": "jwt",
            "Description": "Tasks and services of Nomad, each as itself",
            "Config": {
                "JWKSURL": f"{nomad_address}/.well-known/jwks.json",
                "JWTSupportedAlgs": ["RS256"],
                "BoundAudiences": [_AUDIENCE],
                "ClaimMappings": {claim: claim for claim in _CLAIMS},
            },
        }
        known = self._agent.find(f"/v1/acl/auth-method/{AUTH_METHOD}")
        self._agent.put(f"/v1/acl/auth-method/{AUTH_METHOD}" if known else "/v1/acl/auth-method", method)
        # A service may register itself and no other; a task reads as its kind does.
        self._bind("service", "${value.nomad_service}", '"nomad_service" in value')
        self._bind("role", UNITS_ROLE, '"nomad_service" not in value')
        self._bind("role", MONITORING_ROLE, f'"nomad_service" not in value and value.nomad_job_id == "{MONITORING}"')

    def _bind(self, kind: str, name: str, selector: str) -> None:
        if any(rule["BindName"] == name for rule in self._agent.get(f"/v1/acl/binding-rules?authmethod={AUTH_METHOD}") or ()):
            return
        self._agent.put("/v1/acl/binding-rule", {"AuthMethod": AUTH_METHOD, "BindType": kind, "BindName": name, "Selector": selector})
