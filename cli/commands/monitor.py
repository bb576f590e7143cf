"""`livedrops monitor`: what watches the local stack, and its files."""

import os
from pathlib import Path

import click

from cli.failures import CommandFailed
from cli.tables import table
from monitoring.generating import changed_files, write_files
from stack.commands import profile_option, told_plainly
from stack.monitoring import RECEIVER, Monitoring
from stack.monitors import ALERTMANAGER, PROMETHEUS
from stack.progress import to_stdout


@click.group()
def monitor() -> None:
    """Metrics, dashboards and alarms of the local stack, beside what `make run` started."""


@monitor.command()
@profile_option
@told_plainly
def up(profile: str) -> None:
    """Start Prometheus, Alertmanager and the exporters; what is missing is installed. Units are not touched.

    Nothing leaves the machine, unless LIVEDROPS_ALERT_WEBHOOK_URL names whom Alertmanager tells.

    \b
    Examples:
      livedrops monitor up
      LIVEDROPS_ALERT_WEBHOOK_URL=http://127.0.0.1:9000/alerts livedrops monitor up
    """
    here = Monitoring.of_profile(profile)
    here.up(to_stdout)
    click.echo(welcome(here))


def welcome(here: Monitoring) -> str:
    """Where everything is."""
    told = os.environ.get(RECEIVER, "") or f"nobody ({RECEIVER} says whom)"
    lines = [
        "",
        "LiveDrops is watched.",
        f"  Dashboards    {here.dashboards}   (open it in a browser)",
        f"  Alerts        {here.address(PROMETHEUS)}/alerts; told to {told}",
        f"  Prometheus    {here.address(PROMETHEUS)}/graph",
        f"  Alertmanager  {here.address(ALERTMANAGER)}",
        f"  Stop with     livedrops monitor down --profile {here.instance.profile}",
    ]
    return "\n".join(lines)


@monitor.command("run")
@click.argument("name")
@click.option("--units", type=click.Path(path_type=Path), required=True, help="JSON file with unit, process and url of each process.")
@click.option("--profile", default="dev", show_default=True, help="Whose ports, secrets and data.")
@told_plainly
def run_one(name: str, units: Path, profile: str) -> None:
    """Become the program NAME, for a scheduler that runs it: prometheus, alertmanager, statsd-exporter, exporter or one of the stores' exporters.

    \b
    Example:
      LIVEDROPS_STATE_DIR=/srv/livedrops livedrops monitor run prometheus --units units.json --profile nomad
    """
    Monitoring.of_profile(profile).become(name, units)


@monitor.command()
@profile_option
@told_plainly
def down(profile: str) -> None:
    """Stop it all; what was measured is kept.

    \b
    Example:
      livedrops monitor down
    """
    Monitoring.of_profile(profile).down()
    click.echo(f"The {profile} stack is not watched any more.")


@monitor.command()
@profile_option
@told_plainly
def status(profile: str) -> None:
    """Show each program. Exit code 1 where one is not ready, or none runs.

    \b
    Example:
      livedrops monitor status
    """
    rows = Monitoring.of_profile(profile).status()
    if not rows:
        raise CommandFailed("NOT_RUNNING", f"The {profile} stack is not watched. Start with: livedrops monitor up --profile {profile}")
    shown = [[row.name, row.state, "yes" if row.ready else "no", f"{row.memory_bytes / 1e6:.0f}", row.address] for row in rows]
    click.echo("\n".join(table(["NAME", "STATE", "READY", "MB", "ADDRESS"], shown)))
    raise SystemExit(0 if all(row.ready for row in rows) else 1)


@monitor.command()
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 where a file would change.")
def generate(check: bool) -> None:
    """Write the rules and dashboards that are made from monitoring/alerts and monitoring/boards anew.

    \b
    Example:
      livedrops monitor generate --check
    """
    changed = changed_files()
    if not check:
        write_files()
    for file in changed:
        click.echo(f"{'differs' if check else 'written'}: {Path(file).name}")
    if check and changed:
        raise CommandFailed("DIFFERENT", "Write them anew with: livedrops monitor generate")
