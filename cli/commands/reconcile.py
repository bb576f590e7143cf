"""`livedrops reconcile`: prove the books of all drops against their orders."""

import uuid
from collections.abc import Iterator

import click
import msgspec

from cli.addresses import Addresses
from cli.services import rpc_client
from cli.tables import table
from services.contracts.errors import NotFound
from services.contracts.orders import Finding, Orders, Reconciliation
from services.kernel import calls

PAGE = 100
# A page sums up all orders of its drops; some of them have sold millions of units.
PAGE_TIMEOUT_S = 60.0
_HEADER = ("DROP", "TOTAL", "AVAILABLE", "HELD", "SOLD", "HELD BY ORDERS", "SOLD BY ORDERS", "VERSION", "AUDITED", "WHAT IS WRONG")


@click.command()
@click.option("--drop", type=click.UUID, help="Check this drop only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.pass_context
def reconcile(ctx: click.Context, drop: uuid.UUID | None, as_json: bool) -> None:
    """Check that the stock of every drop says what its orders and its audit trail say.

    Prints each book that does not balance. Exit code 0 where all do, 1 where one does not.

    \b
    Examples:
      livedrops reconcile
      livedrops reconcile --drop 0193a5c8-7e10-7a2b-9d4c-2f1c7a100d4d --json
    """
    addresses: Addresses = ctx.obj
    with rpc_client(addresses) as client:
        orders: Orders = client.service("orders", Orders)
        result = check_all(orders) if drop is None else check_one(orders, drop)
    if as_json:
        click.echo(msgspec.json.encode({"checked": result.checked, "findings": result.findings}))
    elif result.findings:
        click.echo("\n".join(table(_HEADER, [_row(finding) for finding in result.findings])))
    click.echo(f"checked {result.checked}, {len(result.findings)} do not balance", err=True)
    ctx.exit(1 if result.findings else 0)


def check_all(orders: Orders) -> Reconciliation:
    """Check every book, a page at a time, and tell of each page on stderr."""
    checked, findings, after = 0, list[Finding](), None
    while True:
        page = _page(orders, after, PAGE)
        checked, after = checked + page.checked, page.next
        findings += page.findings
        if after is None:
            return Reconciliation(checked, findings)
        click.echo(f"checked {checked}", err=True)


def check_one(orders: Orders, drop: uuid.UUID) -> Reconciliation:
    """Check one book. Raises NotFound where the drop has none."""
    # Pages go by drop id: the first one behind the id just before is this one, or there is none of it.
    before = str(uuid.UUID(int=drop.int - 1)) if drop.int else None
    page = _page(orders, before, 1)
    if page.next != str(drop):
        raise NotFound("There is no such drop.")
    return Reconciliation(page.checked, page.findings)


def _page(orders: Orders, after: str | None, first: int) -> Reconciliation:
    with calls.under(calls.begin(PAGE_TIMEOUT_S)):
        return orders.reconcile(after=after, first=first)


def _row(finding: Finding) -> tuple[object, ...]:
    return (*msgspec.structs.astuple(finding), "; ".join(what_is_wrong(finding)))


def what_is_wrong(finding: Finding) -> Iterator[str]:
    """What a book says that can't be so, in words."""
    if finding.total != (parts := finding.available + finding.held + finding.sold):
        yield f"total is {finding.total}, its parts are {parts}"
    if finding.available < 0:
        yield f"{-finding.available} oversold"
    if finding.held != finding.held_by_orders:
        yield f"held is off by {finding.held - finding.held_by_orders:+}"
    if finding.sold != finding.sold_by_orders:
        yield f"sold is off by {finding.sold - finding.sold_by_orders:+}"
    if finding.version != finding.audited_version:
        yield f"a change is not audited (version {finding.version}, audited {finding.audited_version})"
