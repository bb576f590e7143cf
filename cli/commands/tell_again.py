"""`livedrops tell-again`: events of orders once more, where the broker was lost with what it held."""

from contextlib import closing
from datetime import UTC, datetime

import click

from cli.addresses import ORDERS_POSTGRES, Addresses
from services.kernel.metrics import Metrics
from services.kernel.postgres import Postgres
from services.orders.retelling import tell_again as again


@click.command("tell-again")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"]),
    required=True,
    help="Orders placed or cancelled since then, in UTC.",
)
@click.pass_obj
def tell_again(addresses: Addresses, since: datetime) -> None:
    """Put the events of orders since a time into the outbox again, from which the relay publishes them.

    For a broker whose data is gone, and a store that was brought back. Who has heard of an order already does nothing.

    \b
    Example:
      livedrops tell-again --since 2026-11-28T07:40:00
    """
    metrics = Metrics()
    with closing(Postgres(addresses.require(ORDERS_POSTGRES), metrics, size=1, name="tell-again")) as postgres:
        told = sum(again(postgres, since.replace(tzinfo=UTC)))
    metrics.stop()
    click.echo(f"{told} events wait in the outbox again.")
