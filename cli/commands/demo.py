"""`livedrops demo`: something to try."""

from datetime import UTC, datetime

import click
import msgspec

from cli.addresses import Addresses
from cli.demo import load
from cli.services import rpc_client
from services.contracts.orders import Orders
from services.contracts.products import Products
from services.contracts.users import Users
from services.kernel import calls

DEFAULT_ADDRESS = "http://127.0.0.1:8000"
# Some ten calls in a row, the first of them to services that may still be starting.
LOAD_TIMEOUT_S = 60.0


@click.group()
def demo() -> None:
    """Something to try."""


@demo.command("load")
@click.pass_obj
def load_demo(addresses: Addresses) -> None:
    """Make three people, a product, a drop on sale for a day and one that starts in an hour, or find those that are there.

    Prints one JSON object: people (email, password, role), drop, upcoming, and curl: a line for a shell that buys a unit at
    LIVEDROPS_ADDRESS (by default that of the local stack, or http://127.0.0.1:8000).

    \b
    Example:
      sh -c "$(livedrops demo load | jq -r .curl)"
    """
    address = addresses.find("LIVEDROPS_ADDRESS") or addresses.find("LIVEDROPS_PUBLIC_URL") or DEFAULT_ADDRESS
    with rpc_client(addresses) as client, calls.under(calls.begin(LOAD_TIMEOUT_S)):
        services = client.service("users", Users), client.service("products", Products), client.service("orders", Orders)
        result = load(*services, lambda: datetime.now(UTC), address.rstrip("/"))
    click.echo(f"{result.drop.name}: {result.drop.available} of {result.drop.total} left", err=True)
    click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2))
