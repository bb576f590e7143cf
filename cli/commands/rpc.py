"""`livedrops rpc`: call any RPC of any service."""

import sys
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import click
import msgspec

from cli.addresses import Addresses
from cli.services import DEFAULT_TIMEOUT_S, rpc_client
from services.contracts.schemas import SERVICES
from services.contracts.signatures import signatures
from services.kernel import calls


@click.command()
@click.argument("call", metavar="SERVICE.METHOD", required=False)
@click.argument("arguments", metavar="JSON", default="{}")
@click.option("--list", "listed", is_flag=True, help="List all RPCs instead.")
@click.option(
    "--timeout-s",
    type=click.FloatRange(0, calls.MAX_TIMEOUT_S, min_open=True),
    default=DEFAULT_TIMEOUT_S,
    show_default=True,
    help="How long the answer may take, in seconds.",
)
@click.pass_obj
def rpc(addresses: Addresses, call: str | None, arguments: str, listed: bool, timeout_s: float) -> None:
    """Call SERVICE.METHOD with the arguments of the object JSON, and print the result as JSON.

    Give - for JSON to read it from stdin. An error that the service answers with is told by its code on stderr, exit code 1.

    \b
    Examples:
      livedrops rpc orders.get_order '{"order_id": "0193a5c8...-0193a5c7..."}'
      echo '{"first": 10}' | livedrops rpc orders.reconcile -
      livedrops rpc --list
    """
    if listed:
        click.echo("\n".join(listing()))
        return
    service, method = find_rpc(call or "")
    kwargs = read_arguments(sys.stdin.read() if arguments == "-" else arguments)
    with rpc_client(addresses) as client, calls.under(calls.begin(timeout_s)):
        result = getattr(client.service(service, SERVICES[service]), method)(**kwargs)
    click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2))


def listing() -> Iterator[str]:
    """All RPCs by service: the signature, and below it what it does."""
    for service, protocol in SERVICES.items():
        yield service
        for signature in signatures(protocol).values():
            yield f"  {signature.text}"
            yield f"      {signature.summary}"


def find_rpc(call: str) -> tuple[str, str]:
    """Service and method of "service.method". Raises UsageError that says what there is."""
    known = [f"{service}.{method}" for service, protocol in SERVICES.items() for method in signatures(protocol)]
    if call in known:
        service, _, method = call.partition(".")
        return service, method
    if not call:
        raise click.UsageError("Name an RPC as SERVICE.METHOD; `livedrops rpc --list` shows them all.")
    # The few that are near, or the service's own, or all of them.
    service = call.partition(".")[0]
    near = get_close_matches(call, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    there_are = [name for name in known if name.startswith(f"{service}.")] or known
    raise click.UsageError(f"There is no RPC {call!r}.{hint} There are: {', '.join(there_are)}.")


def read_arguments(text: str) -> dict[str, Any]:
    """Arguments by name from a JSON object. Raises UsageError."""
    try:
        arguments = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise click.UsageError(f"The arguments are not JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise click.UsageError('The arguments must be a JSON object of values by name, such as {"drop_id": "..."}.')
    return arguments
