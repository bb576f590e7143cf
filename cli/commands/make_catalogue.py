"""`livedrops make-catalogue`: a made-up catalogue of products."""

import random
from pathlib import Path

import click

from cli.catalogue.files import ListedDrop, listing_of, write_catalogue
from cli.catalogue.making import Shape, make_products

# Drops begin some time in the day after an import, and last some hours.
_DAY_S, _HOUR_S = 86_400, 3_600


@click.command("make-catalogue")
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--products", type=click.IntRange(1), default=100_000, show_default=True, help="How many products there are.")
@click.option("--creators", type=click.IntRange(1), help="Whose they are. [default: one for every hundred products]")
@click.option("--seed", type=int, default=1, show_default=True, help="Another catalogue for another seed, and the same for the same.")
@click.option("--drop-every", type=click.IntRange(1), help="Every so many products have a drop, within the day after the import.")
def make_catalogue(path: Path, products: int, creators: int | None, seed: int, drop_every: int | None) -> None:
    """Write a catalogue of made-up products, in seven languages, for `livedrops import-products`.

    A FILE whose name ends in .csv or .csv.gz is CSV, any other is JSON Lines; one that ends in .gz is compressed.

    \b
    Example:
      livedrops make-catalogue catalogue.jsonl.gz --products 100000 --creators 1000
    """
    try:
        shape = Shape(products, creators or max(1, products // 100), seed)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    drops = random.Random(seed)
    write_catalogue(
        path,
        (listing_of(made, _drop(drops) if drop_every and made.number % drop_every == 0 else None) for made in make_products(shape)),
    )


def _drop(chance: random.Random) -> ListedDrop:
    starts_in_s = chance.randrange(0, _DAY_S, 60)
    return ListedDrop(
        stock=chance.choice([10, 50, 200, 1000]), starts_in_s=starts_in_s, ends_in_s=starts_in_s + chance.randint(1, 48) * _HOUR_S
    )
