"""`livedrops exporter`: metrics of what no process tells of itself."""

import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from prometheus_client import CollectorRegistry

from cli.addresses import BROKER, ORDERS_POSTGRES, PRODUCTS_POSTGRES, USERS_MONGO, Addresses
from cli.exporter import sources
from cli.exporter.serving import server_of
from cli.exporter.sources import Source
from cli.exporter.watching import Watch


@click.command()
@click.option(
    "--address",
    envvar="LIVEDROPS_EXPORTER_ADDRESS",
    default="127.0.0.1:9471",
    show_default=True,
    show_envvar=True,
    help="Where it listens.",
)
@click.option(
    "--units",
    "units_file",
    envvar="LIVEDROPS_EXPORTER_UNITS",
    type=click.Path(dir_okay=False, path_type=Path),
    show_envvar=True,
    help='Which processes are asked whether they are ready: JSON, [{"unit": "orders", "process": "orders", "url": "http://..."}].',
)
@click.option(
    "--every",
    "every_s",
    envvar="LIVEDROPS_EXPORTER_EVERY_S",
    type=click.FloatRange(0.2, 300),
    default=7.5,
    show_default=True,
    show_envvar=True,
    help="Seconds between two looks at a source.",
)
@click.pass_obj
def exporter(addresses: Addresses, address: str, units_file: Path | None, every_s: float) -> None:
    """Tell Prometheus which units are ready, how old what waits in queues and outboxes is, and how MongoDB is.

    \b
    Example:
      livedrops exporter --address 127.0.0.1:9471
    """
    host, port = _place(address)
    watch = Watch(_sources(addresses, units_file), every_s)
    registry = CollectorRegistry()
    registry.register(watch)
    server = server_of(registry, host, port)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    watch.start()
    click.echo(f"http://{host}:{port}/metrics")
    try:
        server.serve_forever(poll_interval=2.0)
    except KeyboardInterrupt:
        server.server_close()


def _end(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def _place(address: str) -> tuple[str, int]:
    parts = urlsplit(f"//{address}")
    try:
        if parts.hostname and parts.port is not None:
            return parts.hostname, parts.port
    except ValueError:
        pass
    raise click.BadParameter(f"{address!r} is no host:port", param_hint="--address")


def _sources(addresses: Addresses, units_file: Path | None) -> dict[str, Source]:
    found: dict[str, Source] = {
        "broker": sources.broker(addresses.require(BROKER)),
        "orders": sources.outbox("orders", addresses.require(ORDERS_POSTGRES)),
        "products": sources.outbox("products", addresses.require(PRODUCTS_POSTGRES)),
        "mongo": sources.mongo(addresses.require(USERS_MONGO), addresses.users_database()),
    }
    return found | ({"units": sources.units(units_file)} if units_file else {})
