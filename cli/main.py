"""The entry point: `livedrops`, or `python -m cli.main`.

Exit codes: 0 done, 1 the answer is an error or something is not well, 2 the command line or the configuration is wrong.
"""

import importlib
import logging
from typing import Any, cast

import click

from cli.addresses import Addresses
from cli.failures import CommandFailed, NotConfigured
from services.contracts.errors import LiveDropsError

# Loaded when they are asked for: a part that is broken here (a server's client, the local stack) hinders no other.
COMMANDS = {
    "analytics": "cli.commands.analytics:analytics",
    "backup": "cli.commands.backup:backup",
    "demo": "cli.commands.demo:demo",
    "dlq": "cli.commands.dlq:dlq",
    "events": "cli.commands.events:events",
    "fan-outs": "cli.commands.fan_outs:fan_outs",
    "exporter": "cli.commands.exporter:exporter",
    "import-products": "cli.commands.import_products:import_products",
    "load-graph": "cli.commands.load_graph:load_graph",
    "make-catalogue": "cli.commands.make_catalogue:make_catalogue",
    "make-graph": "cli.commands.make_graph:make_graph",
    "migrate": "cli.commands.migrate:migrate",
    "monitor": "cli.commands.monitor:monitor",
    "nomad": "stack.nomad.commands:nomad",
    "rebuild-followers": "cli.commands.follow_lists:rebuild_followers",
    "reconcile": "cli.commands.reconcile:reconcile",
    "recount": "cli.commands.follow_lists:recount",
    "reindex": "cli.commands.reindex:reindex",
    "rpc": "cli.commands.rpc:rpc",
    "server": "stack.server_commands:server",
    "stack": "stack.commands:stack",
    "tell-again": "cli.commands.tell_again:tell_again",
    "trace": "cli.commands.trace:trace",
}


# Groups whose commands are about the local stack of a profile.
_WITH_A_PROFILE = ("stack", "monitor")


class Commands(click.Group):
    """The commands of COMMANDS. An error that services or stores answer with ends them with one plain line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        try:
            return cast(click.Command, getattr(importlib.import_module(module), attribute))
        except ImportError as error:
            return _unloadable(cmd_name, error)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LiveDropsError as error:
            raise CommandFailed.of(error) from error


def _unloadable(name: str, error: ImportError) -> click.Command:
    """Stands in for a command that can't be imported, so that help for all the others can still be shown."""

    def fail(**_options: Any) -> None:
        raise NotConfigured(f"`livedrops {name}` can't be loaded: {error}")

    options = {"ignore_unknown_options": True}
    return click.Command(name, options, fail, [click.Argument(["arguments"], nargs=-1)], help=f"Can't be loaded: {error}")


@click.group(cls=Commands)
@click.option(
    "--profile",
    type=click.Choice(["dev", "test", "nomad"]),
    default="dev",
    envvar="LIVEDROPS_PROFILE",
    show_default=True,
    show_envvar=True,
    help="The local stack whose addresses are used where the environment names none.",
)
@click.pass_context
def livedrops(ctx: click.Context, profile: str) -> None:
    """Run LiveDrops, look inside and mend it.

    Addresses come from LIVEDROPS_BROKER_URL, LIVEDROPS_ORDERS_POSTGRES_URL and LIVEDROPS_USERS_MONGO_URL, or from the local
    stack that `make run` starts.

    \b
    Example:
      livedrops rpc orders.get_stock '{"drop_id": "0193a5c8-..."}'
    """
    ctx.obj = Addresses(profile)
    if ctx.invoked_subcommand in _WITH_A_PROFILE:
        ctx.default_map = _same_profile(ctx.invoked_subcommand, livedrops.get_command(ctx, ctx.invoked_subcommand), profile)


def _same_profile(name: str, group: click.Command | None, profile: str) -> dict[str, Any]:
    """The commands of these groups have --profile, too; ours is their default."""
    names = group.commands if isinstance(group, click.Group) else ()
    return {name: {each: {"profile": profile} for each in names}}


def main() -> None:
    """Run the command line of this process, and exit."""
    # Libraries would write of a lost connection on their own, beside the one line that we write.
    logging.getLogger().addHandler(logging.NullHandler())
    livedrops(prog_name="livedrops")


if __name__ == "__main__":
    main()
