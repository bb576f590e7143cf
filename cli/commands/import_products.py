"""`livedrops import-products`: bring a catalogue in."""

import time
from pathlib import Path

import click
import msgspec

from cli.addresses import Addresses
from cli.catalogue.creators import Creators, sign_up_with
from cli.catalogue.files import CatalogueFile, open_catalogue
from cli.catalogue.importing import MOST_A_BATCH, Checkpoint, Import, Journal, Terms
from cli.line_files import OnceASecond, wrong_lines
from cli.services import rpc_client
from services.contracts.products import Products
from services.contracts.users import Users
from services.contracts.values import Password, UserId

PASSWORD = "LIVEDROPS_CREATORS_PASSWORD"


class Summary(msgspec.Struct, frozen=True):
    """What an import came to, with what it did before it was cut off. seconds, products_per_second: of this run alone."""

    file: str
    resumed_behind_line: int
    lines: int
    created: int
    unchanged: int
    drops: int
    creators: int
    errors: int
    seconds: float
    products_per_second: float

    @classmethod
    def of(cls, catalogue: CatalogueFile, first: Checkpoint, last: Checkpoint, creators: Creators, seconds: float) -> "Summary":
        tally = last.tally
        return cls(
            file=str(catalogue.path),
            resumed_behind_line=first.line,
            lines=last.line,
            created=tally.created,
            unchanged=tally.unchanged,
            drops=tally.drops + tally.drops_known,
            creators=creators.count,
            errors=tally.errors,
            seconds=round(seconds, 3),
            products_per_second=round((tally.products - first.tally.products) / seconds, 1),
        )

    def text(self) -> str:
        counts = f"{self.created:,} new, {self.unchanged:,} known, {self.drops:,} with a drop, {self.errors:,} errors"
        return f"{self.lines:,} lines: {counts}, in {self.seconds:,.1f} s, {self.products_per_second:,.0f} a second"


class Progress:
    """A line on stderr, at most once a second."""

    def __init__(self, catalogue: CatalogueFile, first: Checkpoint) -> None:
        self._catalogue = catalogue
        self._first = first
        self._clock = OnceASecond()

    def tell(self, checkpoint: Checkpoint) -> None:
        if not self._clock.is_due():
            return
        done, share, seconds = checkpoint.tally.products, self._catalogue.share(), self._clock.seconds()
        rate = (done - self._first.tally.products) / seconds
        left = seconds * (1 - share) / share if share and not self._first.line else None
        remaining = f", {left:,.0f} s remain" if left is not None else ""
        click.echo(f"{done:,} products, {rate:,.0f} a second, {share:.0%} of the file read{remaining}", err=True)


@click.command("import-products")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--creator", metavar="ID", help="Whose all of them are, whatever the lines say.")
@click.option("--make-creators", is_flag=True, help="Sign up the creators that lines name otherwise than by a user id.")
@click.option("--password", envvar=PASSWORD, show_envvar=True, help="Of the creators that are made: at least 8 characters.")
@click.option("--batch", type=click.IntRange(1, MOST_A_BATCH), default=MOST_A_BATCH, show_default=True, help="Lines a call.")
@click.option("--at-once", type=click.IntRange(1, 32), default=4, show_default=True, help="Calls under way.")
@click.option("--max-errors", type=click.IntRange(0), default=1_000, show_default=True, help="One wrong line more ends the import.")
@click.option("--errors", "errors_path", type=click.Path(dir_okay=False, path_type=Path), help="Tell of wrong lines here, not on stderr.")
@click.option(
    "--checkpoint",
    "journal_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where it is kept how far the import is.  [default: FILE.import]",
)
@click.option("--restart", is_flag=True, help="Begin anew, where an earlier import of this file was cut off.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a sentence.")
@click.pass_obj
def import_products(
    addresses: Addresses,
    path: Path,
    creator: str | None,
    make_creators: bool,
    password: str | None,
    batch: int,
    at_once: int,
    max_errors: int,
    errors_path: Path | None,
    journal_path: Path | None,
    restart: bool,
    as_json: bool,
) -> None:
    """Import products, and a drop of each that has one, from FILE: CSV where it is named so, else JSON Lines; .gz is unpacked.

    A line has id, creator (a user id, or any name with --make-creators), name, description, tags, media, price (amount in cents and
    currency), and may have a drop. In CSV the first line names the columns: price_amount, price_currency, drop_stock, drop_starts_at,
    drop_starts_in_s ...; tags are apart by commas. Importing again changes nothing: a product is known by its creator and its id
    in the catalogue, or by its line where it has none. An import that was killed goes on behind its last finished batch.

    Exit code 1 where the import did not come to its end. Lines left out for an error are counted, and are no failure up to
    --max-errors.

    \b
    Examples:
      livedrops make-catalogue catalogue.jsonl.gz
      livedrops import-products catalogue.jsonl.gz --make-creators --password '...'
      livedrops import-products export.csv --creator 0193a5c8-... --errors wrong.txt --json
    """
    _check(creator, UserId, "--creator must be a user id: a UUID in lower case.")
    if make_creators:
        _check(password, Password, f"--make-creators needs --password or {PASSWORD}, of 8 characters or more.")
    journal = Journal(journal_path or path.with_name(f"{path.name}.import"))
    with rpc_client(addresses) as client, open_catalogue(path) as catalogue:
        first = journal.begin(catalogue.key, restart)
        if first.line:
            click.echo(
                f"going on behind line {first.line:,} of the import that began at {first.started_at:%Y-%m-%d %H:%M:%S} UTC", err=True
            )
        sign_up = sign_up_with(client.service("users", Users), password or "") if make_creators else None
        creators = Creators(creator, sign_up)
        with wrong_lines(errors_path, appending=first.line > 0) as tell:
            products, terms = client.service("products", Products), Terms(batch, at_once, max_errors)
            work = Import(products, creators, first, terms, journal.keep, lambda fault: tell(fault.text))
            summary = run_import(work, catalogue, creators)
    click.echo(msgspec.json.encode(summary) if as_json else summary.text())


def run_import(work: Import, catalogue: CatalogueFile, creators: Creators) -> Summary:
    """Import, telling how it goes. Raises LiveDropsError, CommandFailed."""
    first, begun = work.checkpoint, time.monotonic()
    progress = Progress(catalogue, first)
    for checkpoint in work.run(catalogue.entries(after=first.line)):
        progress.tell(checkpoint)
    return Summary.of(catalogue, first, work.checkpoint, creators, time.monotonic() - begun)


def _check(value: str | None, type: object, complaint: str) -> None:
    if value is None and type is UserId:
        return
    try:
        msgspec.convert(value, type)
    except msgspec.ValidationError as error:
        raise click.UsageError(complaint) from error
