"""`livedrops dlq`: events that no handler could take, and what to do with them."""

from collections.abc import Iterator
from contextlib import suppress

import click
import msgspec
import pika

from cli import queues
from cli.addresses import BROKER, Addresses
from cli.broker import connected
from cli.dead_letters import DeadLetter, Replay, consumer_of, open_letters, replay
from cli.failures import CommandFailed
from cli.tables import table
from services.kernel.topology import consumers

# Often enough to see that it goes on, seldom enough not to fill a log.
TELL_EVERY = 500
LOOK_EVERY_S = 3.0


def _consumer(_ctx: click.Context, _parameter: click.Parameter, queue: str) -> str:
    consumer = consumer_of(queue)
    if consumer is None:
        raise click.BadParameter(f"there is no consumer {queue!r}. There are: {', '.join(consumers())}.")
    return consumer


queue_argument = click.argument("consumer", metavar="QUEUE", callback=_consumer)


@click.group()
def dlq() -> None:
    """See and replay dead letters: events that their consumer failed to handle at every try.

    QUEUE is a consumer's name (orders.views), its event queue or its dead-letter queue; `dlq list` shows them all.
    """


@dlq.command("list")
@click.option("--watch", is_flag=True, help="Show it again every few seconds, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a look instead of tables.")
@click.pass_obj
def list_queues(addresses: Addresses, watch: bool, as_json: bool) -> None:
    """Show every consumer's queue: how many messages wait, how old the oldest is, how many are tried again, how many are dead.

    \b
    Examples:
      livedrops dlq list
      livedrops dlq list --watch
    """
    with connected(addresses.require(BROKER)) as connection, suppress(KeyboardInterrupt):
        while True:
            _show_queues(connection, as_json)
            if not watch:
                return
            connection.sleep(LOOK_EVERY_S)
            click.echo()


def _show_queues(connection: pika.BlockingConnection, as_json: bool) -> None:
    found, waiting = queues.states(connection), queues.delays(connection)
    if as_json:
        click.echo(msgspec.json.encode({"consumers": found, "delays": waiting}))
        return
    header = ("CONSUMER", "WAITING", "OLDEST", "RETRYING", "DEAD", "OLDEST DEAD")
    rows = [(one.consumer, one.waiting, _age(one.oldest_s), one.retrying, one.dead, _age(one.oldest_dead_s)) for one in found]
    click.echo("\n".join(table(header, rows)))
    click.echo()
    click.echo("\n".join(table(("TRIED AGAIN AFTER", "WAITING"), [(f"{seconds} s", count) for seconds, count in waiting.items()])))


def _age(seconds: int | None) -> str:
    """As people say it; empty where there is nothing."""
    if seconds is None:
        return ""
    for length, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds // length} {name}"
    return f"{seconds} s"


@dlq.command()
@queue_argument
@click.option("--count", type=click.IntRange(1, 1_000), default=20, show_default=True, help="How many letters, oldest first.")
@click.option("--body", is_flag=True, help="Show the message itself and the whole error, too.")
@click.pass_obj
def show(addresses: Addresses, consumer: str, count: int, body: bool) -> None:
    """Show the dead letters of QUEUE and leave them there.

    \b
    Example:
      livedrops dlq show orders.views --count 5 --body
    """
    with open_letters(addresses.require(BROKER), consumer) as letters:
        shown = letters.oldest(count)
        total = letters.depth
    for letter in shown:
        click.echo("\n".join(_description(letter, body)))
    click.echo(f"{len(shown)} of {total} dead letters of {consumer}", err=True)


def _description(letter: DeadLetter, whole: bool) -> Iterator[str]:
    """Lines for people. Of a stack, the last line says what was raised."""
    yield f"{letter.event_id or '(no id)'}  {letter.event_type or '(no type)'}  attempts {letter.attempts}"
    error = letter.error.strip().splitlines() or ["(no error told)"]
    yield from (f"    {line}" for line in (error if whole else error[-1:]))
    if whole:
        yield f"    {letter.body.decode(errors='replace')}"


@dlq.command("replay")
@queue_argument
@click.option("--id", "ids", multiple=True, metavar="EVENT_ID", help="Replay this event; may be given many times.")
@click.option("--all", "everything", is_flag=True, help="Replay every letter.")
@click.pass_obj
def replay_letters(addresses: Addresses, consumer: str, ids: tuple[str, ...], everything: bool) -> None:
    """Give dead letters of QUEUE to their consumer again, from the first try.

    A letter leaves QUEUE only once the broker has it in the consumer's queue. Consumers dedupe: one that was handled after
    all has no second effect. Letters that are not named stay.

    \b
    Examples:
      livedrops dlq replay orders.views --id 6f1c5b0e-6f4f-5a53-9d5a-0d4d2f1c7a10
      livedrops dlq replay orders.views --all
    """
    if bool(ids) == everything:
        raise click.UsageError("Say which letters: --id EVENT_ID (any number of times) or --all.")
    with open_letters(addresses.require(BROKER), consumer) as letters:
        done = replay(letters, None if everything else set(ids), _tell)
    click.echo(f"replayed {done.replayed}, kept {done.kept}")
    if done.missing:
        raise CommandFailed("NOT_FOUND", f"No dead letter has the event id {', '.join(sorted(done.missing))}.")


def _tell(done: Replay) -> None:
    looked_at = done.replayed + done.kept
    if looked_at % TELL_EVERY == 0:
        click.echo(f"looked at {looked_at}, replayed {done.replayed}", err=True)
