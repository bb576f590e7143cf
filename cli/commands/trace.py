"""`livedrops trace`: receive what is traced, and show one trace as a tree."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import click

from cli.addresses import Addresses
from cli.failures import CommandFailed
from cli.trace_store import SpanRecord, TraceStore
from cli.trace_tree import summary, tree
from stack.instance import Instance

# OTLP over HTTP: https://opentelemetry.io/docs/specs/otlp/#otlphttp-default-port
DEFAULT_PORT = 4318
# Our units send once a second; a trace that has been silent for longer is as good as whole.
QUIET_S = 2.5
_LOOK_EVERY_S = 0.2

file_option = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the traces lie; without it, in the state folder of the local stack.",
)


@click.group()
def trace() -> None:
    """Receive what is traced, and look at it."""


@trace.command()
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="On the loopback; 0 for any.")
@click.option("--keep", type=click.IntRange(1, 100_000), default=1_000, show_default=True, help="Traces; older ones are forgotten.")
@file_option
@click.pass_obj
def receive(addresses: Addresses, port: int, keep: int, file: Path | None) -> None:
    """Take the spans that units send, by OTLP over HTTP, until Ctrl-C.

    \b
    Example, in two terminals:
      livedrops trace receive
      LIVEDROPS_OTLP_URL=http://127.0.0.1:4318 LIVEDROPS_TRACE_SAMPLE=1 make run
    """
    # Half a second of imports, for this command only.
    from cli.trace_receiver import Receiver

    store = TraceStore(_place(addresses, file, is_new=True), keep)

    def keep_spans(spans: list[SpanRecord]) -> None:
        store.add(spans, time.time_ns())

    try:
        receiver = Receiver(port, keep_spans)
    except OSError as error:
        raise CommandFailed("PORT_TAKEN", f"Port {port} can't be listened on: {error.strerror}. Choose another one with --port.") from error
    click.echo(f"Receiving at http://127.0.0.1:{receiver.port}", err=True)
    serving = threading.Thread(target=receiver.serve, name="receiver", daemon=True)
    serving.start()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    with suppress(KeyboardInterrupt):
        stopped.wait()
    receiver.stop()
    store.close()


@trace.command()
@click.argument("trace_id")
@click.option("-v", "--verbose", is_flag=True, help="With all attributes, and the statements of transactions.")
@file_option
@click.pass_obj
def show(addresses: Addresses, trace_id: str, verbose: bool, file: Path | None) -> None:
    """Show a trace as a tree. The beginning of TRACE_ID is enough where no other begins so.

    A trace's id is `trace_id` in the logs, and in what `livedrops trace tail` shows.

    \b
    Example:
      livedrops trace show 5e30e5f9 --verbose
    """
    store = TraceStore(_place(addresses, file))
    found = store.find(trace_id.lower())
    if not found:
        raise CommandFailed("NOT_FOUND", f"No trace begins with {trace_id}: it was not recorded, has not come yet, or is forgotten.")
    if len(found) > 1:
        raise CommandFailed("AMBIGUOUS", f"Several traces begin with {trace_id}: {', '.join(found)}")
    spans = store.spans(found[0])
    click.echo(f"trace {found[0]}\n{summary(spans)}\n")
    for line in tree(spans, verbose):
        click.echo(line)


@trace.command()
@click.option("--slower-than-ms", type=click.FloatRange(0), default=0.0, help="Only traces that took longer.")
@click.option("--failed", is_flag=True, help="Only traces in which something failed.")
@click.option("--count", type=click.IntRange(1), help="End after so many traces.")
@click.option(
    "--for-s", type=click.FloatRange(0, min_open=True), help="End after so many seconds; with --count, exit code 1 if too few came."
)
@file_option
@click.pass_obj
def tail(addresses: Addresses, slower_than_ms: float, failed: bool, count: int | None, for_s: float | None, file: Path | None) -> None:
    """Print a line for each trace that has come, once it is silent, until Ctrl-C.

    \b
    Examples:
      livedrops trace tail --slower-than-ms 200
      livedrops trace tail --failed --count 1 --for-s 60
    """
    store = TraceStore(_place(addresses, file))
    deadline = time.monotonic() + (for_s or float("inf"))
    wanted = (
        (trace_id, spans)
        for trace_id, spans in _silent(store, deadline)
        if _length_ms(spans) > slower_than_ms and (not failed or any(span.failed for span in spans))
    )
    missing = count
    try:
        for trace_id, spans in islice(wanted, count):
            click.echo(f"{trace_id}  {summary(spans)}")
            missing = missing and missing - 1
    except KeyboardInterrupt:
        return
    if missing:
        raise CommandFailed("TOO_FEW", f"{missing} of {count} traces did not come in {for_s:g} s.")


def _silent(store: TraceStore, deadline: float) -> Iterator[tuple[str, list[SpanRecord]]]:
    """Each trace that comes from now on, once nothing more of it has come for a while."""
    number = store.last_number()
    while time.monotonic() < deadline:
        for arrived in store.since(number):
            silent_s = (time.time_ns() - arrived.came_ns) / 1e9
            if silent_s < QUIET_S:
                # Those behind it are looked at with it, the next time.
                break
            number = arrived.number
            yield arrived.trace_id, store.spans(arrived.trace_id)
        time.sleep(_LOOK_EVERY_S)


def _length_ms(spans: list[SpanRecord]) -> float:
    return (max(span.end_ns for span in spans) - min(span.begin_ns for span in spans)) / 1e6


def _place(addresses: Addresses, file: Path | None, is_new: bool = False) -> Path:
    """Where the traces lie. Raises CommandFailed where nothing has been received there."""
    place = file or Instance.of(addresses.profile, os.environ).state / "traces.db"
    if is_new:
        place.parent.mkdir(parents=True, exist_ok=True)
    elif not place.exists():
        raise CommandFailed("NOT_FOUND", f"There is no {place}: receive first, with `livedrops trace receive`.")
    return place
