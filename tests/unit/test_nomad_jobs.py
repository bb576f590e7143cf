"""The job files say what the table of units says, and each job gets what it needs and no more."""

import configparser
import re
from pathlib import Path

import pytest

from services.kernel.config import Settings
from stack.credentials import Credentials
from stack.instance import CLONE, Instance
from stack.nomad import secrets
from stack.nomad.access import BEHIND_INGRESS, CONSUL
from stack.nomad.agents import DYNAMIC, DYNAMIC_PORTS, FAMILIAR, PORTS, TOKENS, Agents, settle_all_ports
from stack.nomad.artifact import PACKAGES
from stack.nomad.jobs import JOBS, LEASED, rendered
from stack.nomad.scheduler import variable_flags
from stack.nomad.settings import as_environment, as_toml, kv_defaults
from stack.ports import FIRST_PORT
from stack.units import UNITS, Unit, unit_of

CREDENTIALS = Credentials(
    "i", "a", "pg", "jwt", "cursor", {unit.broker_user: f"of {unit.name}" for unit in UNITS} | {"operations": "o"}, "vapid"
)


def test_the_files_are_those_that_make_jobs_writes() -> None:
    files = rendered()

    assert {file: file.read_text() if file.exists() else "" for file in files} == files


def test_there_is_no_job_that_nobody_knows() -> None:
    known = {*rendered()}

    assert {*JOBS.glob("*")} <= known
    assert {*(CONSUL / "intentions").glob("*")} <= known


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_each_unit_is_checked_deployed_with_a_canary_and_stopped_gracefully(unit: Unit) -> None:
    text = (JOBS / f"{unit.name}.nomad.hcl").read_text()

    for line in (
        "canary           = 1",
        "auto_promote     = true",
        "auto_revert      = true",
        'kill_signal  = "SIGTERM"',
        "check_restart {",
    ):
        assert line in text
    assert f'path     = "{unit.readiness}"' in text
    assert ("shutdown_delay" in text) == (unit.name in BEHIND_INGRESS)
    assert re.search(rf"default     = {unit.processes}\n", text)


def test_units_with_a_lease_are_units() -> None:
    assert all(unit_of(name) and unit_of(name).processes == 1 for name in LEASED)  # type: ignore[union-attr]


def test_no_job_has_an_address_or_a_secret_in_it() -> None:
    for file in JOBS.glob("*"):
        text = file.read_text()
        defaults = text[: text.index("\njob ")]
        assert not re.search(r"\d+\.\d+\.\d+\.\d+", text.removeprefix(defaults)), file
        assert not re.search(r"password\s*=\s*\"[^{]", text), file


def test_a_unit_reads_its_own_secrets_only() -> None:
    by_job = secrets.of_jobs(UNITS, CREDENTIALS)

    assert by_job["gateway"] == {"broker_password": "of gateway", "jwt_key": "jwt"}
    assert by_job["orders"] == {"broker_password": "of orders", "postgres_password": "pg", "cursor_key": "cursor"}
    assert by_job["users"] == {"broker_password": "of users", "cursor_key": "cursor"}
    assert by_job["notifications-push"]["vapid_key"] == "vapid"
    assert by_job["migrate"] == {"broker_password": "o", "postgres_password": "pg"}
    assert [job for job, items in by_job.items() if "jwt_key" in items] == ["gateway"]


def test_settings_name_servers_and_no_addresses() -> None:
    toml = as_toml("orders", "orders", ("rabbitmq", "postgres", "redis"))
    environment = as_environment("migrate", "operations", ("rabbitmq", "mongo", "elasticsearch"))

    assert 'broker_url = "amqp://orders:{{ index $own "broker_password" }}@{{ template "place" "rabbitmq" }}/livedrops"' in toml
    assert 'ls "livedrops/settings/all"' in toml
    assert 'nomadVar "nomad/jobs/orders"' in toml
    assert "mongo" not in toml
    assert 'LIVEDROPS_USERS_MONGO_URL="mongodb://{{ template "place" "mongo" }}/?replicaSet=rs0"' in environment
    assert 'LIVEDROPS_SEARCH_ELASTICSEARCH_URL="http://{{ .Address }}:{{ .Port }}"' in environment


def test_defaults_in_consul_are_settings_of_that_name() -> None:
    keys = kv_defaults(CONSUL / "settings.json")

    assert keys["livedrops/settings/all/log_level"] == "INFO"
    of_all = {key.rpartition("/")[2] for key in keys if key.startswith("livedrops/settings/all/")}
    assert of_all <= {*Settings.model_fields}


def test_a_job_is_given_the_variables_that_it_declares(tmp_path: Path) -> None:
    file = tmp_path / "a.nomad.hcl"
    file.write_text('variable "port" {\n}\nvariable "release" {\n}\njob "a" {\n}\n')

    assert variable_flags(file, {"port": "1", "other": "2", "release": "x"}) == ["-var", "port=1", "-var", "release=x"]


def test_ports_are_kept_and_the_familiar_ones_taken_where_they_are_free() -> None:
    first = settle_all_ports(("redis",), {}, lambda port: port != FAMILIAR["consul"])
    second = settle_all_ports(("redis",), first, lambda port: True)

    assert first["nomad"] == FAMILIAR["nomad"]
    assert first["consul"] != FAMILIAR["consul"]
    assert second == first
    assert first[DYNAMIC] + DYNAMIC_PORTS <= FIRST_PORT
    assert {*PORTS, "redis", DYNAMIC} == {*first}


def test_agents_listen_on_loopback_and_get_tokens_of_their_own(tmp_path: Path) -> None:
    ports = settle_all_ports((), {}, lambda port: True)
    tokens = {name: f"token {name}" for name in TOKENS}
    binaries = {name: tmp_path / name for name in ("nomad", "consul", "nomad-autoscaler")}
    agents = Agents(Instance("nomad", tmp_path), ports, Credentials("i", "a", "p", "j", "c", {}, "v", tokens), binaries)

    assert agents.nomad_config()["consul"]["token"] == "token consul-nomad"
    assert agents.consul_config()["acl"]["tokens"]["agent"] == "token consul-agent"
    assert {place.partition(":")[0] for place in agents.nomad_config()["advertise"].values()} == {"127.0.0.1"}
    assert all("AWS" not in name for program in agents.programs() for name in program.environment)


def test_the_artifact_has_every_package_that_is_installed() -> None:
    found = configparser.ConfigParser()
    found.read(CLONE / "setup.cfg")
    installed = found["options.packages.find"]["include"].split()

    assert sorted(PACKAGES) == sorted(name.removesuffix("*") for name in installed)
