"""Writes jobs/nomad and the generated part of consul/ from stack/units.py: python -m stack.nomad.jobs

One truth, and files that can be read, planned and submitted with nothing but Nomad's own command. A test tells when they differ.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

from stack import ingress
from stack.instance import CLONE
from stack.monitors import EXPORTER, MONITORS, PROMETHEUS
from stack.nomad import access
from stack.nomad.access import BEHIND_INGRESS, MONITORING
from stack.nomad.scaling import scaling_block, scaling_variables
from stack.nomad.settings import as_environment, as_toml
from stack.nomad.sizes import Size, size_of
from stack.nomad.text import TEMPLATES, fill, indented
from stack.plan import GATEWAY, MEDIA
from stack.units import UNITS, Unit

JOBS = CLONE / "jobs" / "nomad"
# One at a time does the work, whoever has the lease: a second one only waits for it.
LEASED = ("orders-relay", "products-relay", "products-clock", "users-capture", "orders-reconciler")
# granian makes a new worker and then ends the old one, both on one socket: nobody is refused. The live unit must end its streams well instead.
RELOADED = (GATEWAY, MEDIA)
# Everything that a command may need to reach.
ALL_SERVERS = ("rabbitmq", "postgres", "mongo", "redis", "elasticsearch")
OPERATIONS = "operations"
AUTOSCALER = "autoscaler"

_SHUTDOWN_DELAY = """
    # Out of Consul, and so out of the ingress, some seconds before it is stopped.
    shutdown_delay = "5s"
"""
# Of a changed value, by what a process does at SIGHUP.
_RELOAD = "A changed value makes a new worker, and then ends the old one: nobody is refused."
_RENEW = "A changed value lets it end well and become itself again, not all at one moment; what it is asked meanwhile waits in its queue on the broker."
_RENEW_BEHIND = "A changed value lets it end well and become itself again; its streams end with a hint to come back, and miss nothing."
_LEASE_SAYS = """
  # It works under a lease, which fences it: the new one waits beside the old one, and takes over within seconds."""


def rendered() -> dict[Path, str]:
    """Every generated file and its text."""
    jobs = (
        {unit.name: unit_job(unit) for unit in UNITS}
        | stores()
        | batches()
        | {
            "ingress": ingress_job(),
            AUTOSCALER: autoscaler_job(),
            MONITORING: monitoring_job(),
        }
    )
    files = {JOBS / f"{name}.nomad.hcl": text for name, text in jobs.items()}
    return files | access.rendered(UNITS)


def unit_job(unit: Unit) -> str:
    """The job of one deploy unit."""
    behind = unit.name in BEHIND_INGRESS
    says = _RELOAD if unit.name in RELOADED else _RENEW_BEHIND if behind else _RENEW
    size = size_of(unit.name)
    leased = unit.name in LEASED
    text = fill(
        TEMPLATES / "unit.nomad.hcl.tmpl",
        variables=_variables(size),
        name=unit.name,
        # Whom people wait for is placed first.
        priority=70 if unit.first else 50 - unit.nice,
        count=unit.processes,
        count_says="One does the work, under a lease: more only wait for it." if leased else "How many run beside each other.",
        lease_says=_LEASE_SAYS if leased else "",
        scaling_variables=scaling_variables(unit.name),
        scaling=scaling_block(unit.name),
        shutdown_delay=_SHUTDOWN_DELAY if behind else "",
        readiness=unit.readiness,
        check_every="1s" if behind else "5s",
        check_limit=60 if behind else 12,
        arguments=_arguments(*_module(unit), nice=unit.nice),
        change_says=says,
        splay="5s" if unit.name in RELOADED else "15s",
        settings=indented(as_toml(unit.name, unit.broker_user, unit.needs), 10),
    )
    return _tidy(text)


def _module(unit: Unit) -> tuple[str, ...]:
    """The command without its interpreter, which the artifact brings."""
    return unit.command[1:]


def _arguments(*arguments: str, nice: int = 0) -> str:
    shown = ", ".join(f'"{argument}"' for argument in arguments)
    # Through the shell, since a job has no word for it: it gives way to what buyers wait for.
    return f'"-c", "exec nice -n {nice} /bin/sh local/livedrops.pex $@", "sh", {shown}' if nice else f'"local/livedrops.pex", {shown}'


def stores() -> dict[str, str]:
    """The servers of one machine, by name."""
    tcp = '        type     = "tcp"'
    health = '        type     = "http"\n        path     = "/_cluster/health?wait_for_status=yellow&timeout=0s"'
    return {
        "rabbitmq": _store("rabbitmq", "amqp", 5672, tcp, _task("epmd", hook="prestart", sidecar=True) + _task("rabbitmq")),
        "postgres": _store("postgres", "sql", 5432, tcp, _task("postgres", signal="SIGINT") + _settle("postgres")),
        "mongo": _store("mongo", "mongodb", 27017, tcp, _task("mongo") + _settle("mongo")),
        "redis": _store("redis", "redis", 6379, tcp, _task("redis")),
        "elasticsearch": _store("elasticsearch", "http", 9200, health, _task("elasticsearch")),
    }


def _store(name: str, label: str, port: int, check: str, tasks: str) -> str:
    text = fill(
        TEMPLATES / "store.nomad.hcl.tmpl",
        variables=_without_sizes(_variables(size_of(name))),
        name=name,
        port=port,
        port_label=label,
        check=check,
        tasks=tasks,
    )
    return _tidy(text)


def _task(name: str, hook: str = "", sidecar: bool = False, signal: str = "SIGTERM") -> str:
    return _store_task(name, ("server", "run", name), hook, sidecar, signal)


def _settle(name: str) -> str:
    """What only a running server can be told: a replica set, roles and databases."""
    return _store_task("settle", ("server", "settle", name), "poststart", False, "SIGTERM")


def _store_task(task: str, command: tuple[str, ...], hook: str, sidecar: bool, signal: str) -> str:
    size = size_of(task)
    lifecycle = f'\n      lifecycle {{\n        hook    = "{hook}"\n        sidecar = {str(sidecar).lower()}\n      }}\n' if hook else ""
    return fill(
        TEMPLATES / "store_task.hcl.tmpl",
        task=task,
        kill_signal=signal,
        lifecycle=lifecycle,
        arguments=_arguments("-m", "cli.main", *command),
        cpu=size.cpu,
        memory=size.memory,
        memory_max=size.most,
    )


def batches() -> dict[str, str]:
    """Work that is started by hand, or by the clock."""
    by_hand = '  # Started with: nomad job dispatch {name}\n  parameterized {{\n    payload = "forbidden"\n  }}'
    by_clock = '  periodic {{\n    crons            = ["{cron}"]\n    prohibit_overlap = true\n    time_zone        = "UTC"\n  }}'
    return {
        name: _batch(name, when)
        for name, when in {
            "migrate": by_hand.format(name="migrate"),
            "reindex": by_hand.format(name="reindex"),
            # The reconciler looks at every book each hour; this one tells an operator, and is in the list of what ran.
            "reconcile": by_clock.format(cron="30 3 * * *"),
            "recount": by_clock.format(cron="30 4 * * 0"),
        }.items()
    }


def _batch(name: str, when: str) -> str:
    text = fill(
        TEMPLATES / "batch.nomad.hcl.tmpl",
        variables=_variables(size_of(name)),
        name=name,
        when=when,
        arguments=_arguments("-m", "cli.main", name),
        settings=indented(as_environment(name, OPERATIONS, ALL_SERVERS), 10),
    )
    return _tidy(text)


def ingress_job() -> str:
    """HAProxy, with the very bounds that it has in `make run`."""
    configuration = ingress.render_for_consul(
        bind='[[ env "NOMAD_ADDR_http" ]]',
        socket='abns@livedrops-ingress-[[ env "NOMAD_ALLOC_ID" ]] level user',
        dns="${var.consul_dns}",
        metrics_bind='[[ env "NOMAD_ADDR_metrics" ]]',
    )
    variables = _variables(size_of("ingress"), python=False)
    return _tidy(fill(TEMPLATES / "ingress.nomad.hcl.tmpl", variables=variables, haproxy=indented(configuration, 10)))


def autoscaler_job() -> str:
    """What counts by Prometheus."""
    size = size_of(AUTOSCALER)
    return fill(TEMPLATES / "autoscaler.nomad.hcl.tmpl", cpu=size.cpu, memory=size.memory, memory_max=size.most)


def monitoring_job() -> str:
    """What watches one machine: the same programs and files as `make monitor` has."""
    own = ("--profile", "nomad", "--units", "local/units.json")
    tasks = "".join(_store_task(name, ("monitor", "run", name, *own), "", False, "SIGTERM") for name in MONITORS)
    # Only one reads them.
    at = tasks.index("      resources {", tasks.index(f'task "{EXPORTER}"'))
    tasks = f"{tasks[:at]}{fill(TEMPLATES / 'units_list.hcl.tmpl', units=indented(_units_list(), 10))}\n{tasks[at:]}"
    variables = _without_sizes(_variables(size_of(PROMETHEUS)))
    return _tidy(fill(TEMPLATES / "monitoring.nomad.hcl.tmpl", variables=variables, tasks=tasks))


def _units_list() -> str:
    """As monitoring/probing.py reads it: every process that Consul knows, ready or not."""
    comma = '{{ if scratch.Key "more" }},{{ end }}{{ scratch.Set "more" "yes" }}'
    rows = [
        f'{{{{- range service "{unit.name}|any" }}}}{comma}\n'
        f'{{"unit": "{unit.name}", "process": "{unit.name}:{{{{ .Port }}}}", "url": "http://{{{{ .Address }}}}:{{{{ .Port }}}}{unit.readiness}"}}'
        "{{ end }}"
        for unit in UNITS
    ]
    return "[\n" + "\n".join(rows) + "\n]"


def _variables(size: Size, python: bool = True) -> str:
    text = fill(TEMPLATES / "variables.hcl.tmpl", cpu=size.cpu, memory=size.memory, memory_max=size.most)
    return text if python else _without(text, "artifact", "release", "unpacked")


def _without_sizes(text: str) -> str:
    """A job of several tasks, each with a size of its own."""
    return _without(text, "cpu", "memory", "memory_max", "release")


def _without(text: str, *names: str) -> str:
    blocks = text.split("\nvariable ")
    return "\nvariable ".join(block for block in blocks if not block.startswith(tuple(f'"{name}"' for name in names)))


def _tidy(text: str) -> str:
    """No blank line twice, and none at a block's beginning, where a part that a job does not have left one."""
    lines: list[str] = []
    for line in (line.rstrip() for line in text.splitlines()):
        if line or (lines and lines[-1] and not lines[-1].endswith("{")):
            lines.append(line)
    return dedent("\n".join(lines)).strip() + "\n"


def write(files: Mapping[Path, str]) -> Iterator[Path]:
    """Yields what changed."""
    for file, text in files.items():
        if not file.exists() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            yield file


if __name__ == "__main__":
    for changed in write(rendered()):
        print(changed.relative_to(CLONE))
