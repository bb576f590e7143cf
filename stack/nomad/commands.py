"""The `nomad` commands: up, down, status, clean."""

from typing import Any

import click

from stack.commands import demo_lines, interruptible, load_demo, told_plainly, uninterruptible
from stack.nomad.mesh import Mesh
from stack.nomad.scheduler import JobState
from stack.progress import to_stdout


@click.group()
def nomad() -> None:
    """LiveDrops on Nomad and Consul, on this machine."""


@nomad.command()
@told_plainly
def up() -> None:
    """Start agents, servers, units and ingress, and return when all of it serves. What has changed is deployed without a failed request.

    \b
    Example:
      livedrops nomad up
    """
    here = Mesh.of_clone()
    try:
        with interruptible():
            here.up(to_stdout)
            environment = here.parts.wiring.environment("operations")
            click.echo(_welcome(here, load_demo(environment)))
    except KeyboardInterrupt:
        click.echo("\nStopping")
        with uninterruptible():
            here.down(to_stdout)
        raise SystemExit(130) from None


@nomad.command()
@told_plainly
def down() -> None:
    """Stop all jobs, and then the agents; the data stays.

    \b
    Example:
      livedrops nomad down
    """
    Mesh.of_clone().down(to_stdout)
    click.echo("LiveDrops on Nomad is stopped.")


@nomad.command()
@told_plainly
def status() -> None:
    """Show each job. Exit code 1 where one is not as it should be.

    \b
    Example:
      livedrops nomad status
    """
    here = Mesh.of_clone()
    if not here.is_running():
        click.echo("LiveDrops does not run on Nomad here.")
        raise SystemExit(1)
    states = here.states()
    click.echo(f"{'JOB':<22} {'STATUS':<9} {'VERSION':>7} {'RUNNING':>7}  DEPLOYMENT")
    for state in states:
        click.echo(_status_line(state))
    raise SystemExit(0 if all(state.is_well for state in states) else 1)


@nomad.command()
@told_plainly
def clean() -> None:
    """Stop everything, and delete data, logs and secrets.

    \b
    Example:
      livedrops nomad clean
    """
    here = Mesh.of_clone()
    here.down(to_stdout)
    here.instance.forget()


def _status_line(state: JobState) -> str:
    running = f"{state.running}/{state.wanted}" if state.wanted else "-"
    return f"{state.name:<22} {state.status:<9} {state.version:>7} {running:>7}  {state.deployment} {state.says}".rstrip()


def _welcome(here: Mesh, demo: dict[str, Any]) -> str:
    """The one screen that says where everything is."""
    base, agents = here.address(), here.parts.agents
    left_out = [f"  Left out   {name}: {reason}" for name, reason in here.absent.items()]
    lines = [
        "",
        "LiveDrops runs on Nomad.",
        f"  Nomad      {agents.nomad_address}/ui",
        f"  Consul     {agents.consul_address}/ui   (sign in with consul-management of {here.instance.state / 'secrets.json'})",
        f"  Shop       {base}/          (open it in a browser)",
        f"  GraphQL    {base}/graphql",
        f"  REST       {base}/openapi.json",
        *([f"  Dashboards {here.dashboards}"] if here.is_watched else []),
        *left_out,
        *demo_lines(demo),
        "",
        "Look with livedrops nomad status; stop with make nomad-stop.",
    ]
    return "\n".join(lines)
