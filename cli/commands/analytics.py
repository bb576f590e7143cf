"""`livedrops analytics`: what is counted of a drop, a creator or all together, and counting it anew."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import click
import msgspec

from cli.addresses import Addresses
from cli.services import rpc_client
from cli.tables import table
from services.contracts.analytics import Analytics, Grain, Series, Subject, SubjectKind
from services.contracts.products import Products
from services.contracts.users import Users
from services.kernel import calls
from services.kernel.rpc_client import RpcClient

PAGE = 100
# A drop that has sold millions is summed up whole.
REBUILD_TIMEOUT_S = 60.0
# Wide tables help nobody: columns that hold nothing are left out.
_COLUMNS = {
    "views": "VIEWS",
    "orders": "ORDERS",
    "units": "UNITS",
    "revenue": "REVENUE",
    "cancelled_orders": "CANCELLED",
    "sold_out": "SOLD OUT",
    "limit_reached": "LIMIT",
    "insufficient_stock": "TOO FEW",
    "not_open": "NOT OPEN",
    "busy": "BUSY",
    "follows": "FOLLOWS",
    "unfollows": "UNFOLLOWS",
}
_drop = click.option("--drop", type=click.UUID, help="Of this drop.")
_creator = click.option("--creator", type=click.UUID, help="Of this creator.")


@click.group()
def analytics() -> None:
    """See what is counted by minute and hour, and count it anew from orders and follows."""


@analytics.command()
@_drop
@_creator
@click.option("--grain", type=click.Choice(["minute", "hour"]), default="minute", show_default=True, help="Of what length.")
@click.option("--last", type=click.IntRange(1, 1_440), default=60, show_default=True, help="How many minutes or hours, up to now.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.pass_obj
def show(addresses: Addresses, drop: uuid.UUID | None, creator: uuid.UUID | None, grain: str, last: int, as_json: bool) -> None:
    """Show counts, of all together where neither a drop nor a creator is named.

    \b
    Examples:
      livedrops analytics show --last 15
      livedrops analytics show --drop 0193a5c8-7e10-7a2b-9d4c-2f1c7a100d4d --grain hour --last 48
    """
    length, until = timedelta(minutes=1) if grain == "minute" else timedelta(hours=1), datetime.now(UTC)
    with rpc_client(addresses) as client:
        service = client.service("analytics", Analytics)
        series = service.get_series(subject=_subject(drop, creator), grain=Grain(grain.upper()), since=until - last * length, until=until)
    if as_json:
        click.echo(msgspec.json.encode(series))
    else:
        click.echo("\n".join(_table(series)))


@analytics.command()
@_drop
@_creator
@click.option("--all", "everything", is_flag=True, help="Of every drop and every creator.")
@click.pass_obj
def rebuild(addresses: Addresses, drop: uuid.UUID | None, creator: uuid.UUID | None, everything: bool) -> None:
    """Count a drop's orders or a creator's follows anew, up to the last whole hour, beside traffic.

    Views and refusals are kept nowhere else and stay as they are. Unfollows of before are gone: who has left is in no list.

    \b
    Examples:
      livedrops analytics rebuild --drop 0193a5c8-7e10-7a2b-9d4c-2f1c7a100d4d
      livedrops analytics rebuild --all
    """
    if everything == bool(drop or creator):
        raise click.UsageError("Say what: --drop ID, --creator ID or --all.")
    with rpc_client(addresses) as client:
        subjects = _all(client) if everything else iter([_subject(drop, creator)])
        service, counted, repaired = client.service("analytics", Analytics), 0, 0
        for subject in subjects:
            repaired += _rebuild(service, subject)
            counted += 1
            if everything and counted % PAGE == 0:
                click.echo(f"counted {counted}, repaired {repaired}", err=True)
    click.echo(f"counted {counted}, repaired {repaired}")


def _rebuild(service: Analytics, subject: Subject) -> int:
    """How many numbers were wrong."""
    with calls.under(calls.begin(REBUILD_TIMEOUT_S)):
        return service.rebuild(subject=subject).repaired


def _all(client: RpcClient) -> Iterator[Subject]:
    """Every drop that products knows, and every creator."""
    products, users = client.service("products", Products), client.service("users", Users)
    after: str | None = None
    while True:
        drops = products.list_drops(first=PAGE, after=after)
        yield from (Subject(SubjectKind.DROP, drop.id) for drop in drops.drops)
        if (after := drops.next) is None:
            break
    while True:
        people = users.list_profiles(first=PAGE, after=after)
        yield from (Subject(SubjectKind.CREATOR, profile.user_id) for profile in people.profiles if profile.is_creator)
        if (after := people.next) is None:
            return


def _subject(drop: uuid.UUID | None, creator: uuid.UUID | None) -> Subject:
    if drop and creator:
        raise click.UsageError("Name a drop or a creator, not both.")
    if drop:
        return Subject(SubjectKind.DROP, str(drop))
    return Subject(SubjectKind.CREATOR, str(creator)) if creator else Subject(SubjectKind.PLATFORM)


def _table(series: Series) -> Iterator[str]:
    shown = [name for name in _COLUMNS if getattr(series.totals, name)]
    if not shown:
        yield f"Nothing was counted between {series.since:%Y-%m-%d %H:%M} and {series.until:%Y-%m-%d %H:%M} UTC."
        return
    rows = [(f"{point.at:%Y-%m-%d %H:%M}", *(getattr(point.counts, name) for name in shown)) for point in series.points]
    total = ("together", *(getattr(series.totals, name) for name in shown))
    yield from table(("UTC", *(_COLUMNS[name] for name in shown)), [*rows, total])
