"""`livedrops fan-outs`: how far broadcasts are on their way to those who are away."""

import time
from collections.abc import Sequence

import click
import msgspec

from cli.addresses import Addresses
from cli.services import rpc_client
from cli.tables import table
from services.contracts.errors import Unavailable
from services.contracts.notifications import FanOut, FanOutState, Notifications

LOOK_EVERY_S = 1.0
_HEADER = ("FAN-OUT", "WHAT", "STATE", "PEOPLE", "CHUNKS", "LOOKED AT", "DELIVERED", "FAILED", "RETRIED", "NAME")
UNDER_WAY = (FanOutState.PLANNING, FanOutState.DELIVERING)


@click.command("fan-outs")
@click.option("--count", type=click.IntRange(1, 100), default=20, show_default=True, help="How many, newest first.")
@click.option("--watch", "goes_on", is_flag=True, help="Show them again each second, while one is under way.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array instead of a table.")
@click.pass_obj
def fan_outs(addresses: Addresses, count: int, goes_on: bool, as_json: bool) -> None:
    """Show how far broadcasts are that are pushed to webhooks, mail and browsers.

    RETRIED are deliveries that failed and are tried again later; what never arrives ends among the dead letters of
    notifications.push_again.

    \b
    Examples:
      livedrops fan-outs
      livedrops fan-outs --watch
    """
    with rpc_client(addresses) as client:
        notifications = client.service("notifications", Notifications)
        found = notifications.list_fan_outs(first=count)
        show(found, as_json)
        while goes_on and any(one.state in UNDER_WAY for one in found):
            time.sleep(LOOK_EVERY_S)
            try:
                found = notifications.list_fan_outs(first=count)
            except Unavailable:
                continue
            show(found, as_json)


def show(found: Sequence[FanOut], as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        click.echo("\n".join(table(_HEADER, [row(one) for one in found])))


def row(one: FanOut) -> tuple[object, ...]:
    kind, chunks = one.notice.kind.value.lower().replace("_", " "), f"{one.chunks_done}/{one.chunks}"
    return (
        one.id,
        kind,
        one.state.value.lower(),
        one.people,
        chunks,
        one.looked_at,
        one.delivered,
        one.failed,
        one.retried,
        one.notice.name,
    )
