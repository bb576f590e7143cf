"""`livedrops make-graph`: a made-up graph of follows."""

from pathlib import Path

import click

from cli.edge_lists import person_id
from cli.graphs import EXPONENT, Shape, write_graph


@click.command("make-graph")
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--users", type=click.IntRange(1), required=True, help="How many people follow each other.")
@click.option("--celebrity", type=click.IntRange(0), required=True, help="How many people follow one more person, the celebrity.")
@click.option("--edges", type=click.IntRange(0), required=True, help="How many follows there are among the users.")
@click.option("--seed", type=int, required=True, help="Another graph for another seed, and the same for the same.")
@click.option(
    "--exponent",
    type=click.FloatRange(1, min_open=True),
    default=EXPONENT,
    show_default=True,
    help="How many people have d followers falls as d to the power of minus this; the lower, the more unequal.",
)
def make_graph(path: Path, users: int, celebrity: int, edges: int, seed: int, exponent: float) -> None:
    """Write a graph of follows whose numbers of followers obey a power law, for `livedrops load-graph`.

    A FILE whose name ends in .gz is compressed. Prints the number of the celebrity, and the user id that it stands for.

    \b
    Example:
      livedrops make-graph graph.txt.gz --users 100000 --celebrity 1000000 --edges 500000 --seed 1
    """
    try:
        shape = Shape(users, celebrity, edges, seed, exponent)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    write_graph(path, shape)
    click.echo(f"celebrity {shape.celebrity_number} {person_id(str(shape.celebrity_number))}")
