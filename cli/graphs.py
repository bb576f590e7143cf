"""Made-up graphs of follows: many people whom few follow, few whom many follow, and one celebrity.

A graph is the same for the same shape, whatever made it, and comes edge by edge: no edge is remembered, and yet none comes twice.
"""

import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import gcd
from pathlib import Path

# That of Twitter in 2009 (Kwak et al., "What is Twitter, a social network or a news media?", WWW 2010, section 3.1).
EXPONENT = 2.276


@dataclass(frozen=True)
class Shape:
    """users follow each other with `edges` follows; `celebrity` people follow one more, the celebrity. Raises ValueError.

    People have numbers from 1. Where the celebrity has more followers than there are users, the rest of the followers follow
    nobody else. How many people have d followers falls as d ** -exponent.
    """

    users: int
    celebrity: int
    edges: int
    seed: int
    exponent: float = EXPONENT

    def __post_init__(self) -> None:
        most = self.users * (self.users - 1)
        if self.edges > most:
            raise ValueError(f"Among {self.users} users there are at most {most} follows, not {self.edges}.")

    @property
    def population(self) -> int:
        """How many people there are beside the celebrity."""
        return max(self.users, self.celebrity)

    @property
    def celebrity_number(self) -> int:
        return self.population + 1


def make_edges(shape: Shape) -> Iterator[tuple[int, int]]:
    """Follower and followed, as numbers: `edges` among the users, the most followed first, then the celebrity's."""
    chance = random.Random(shape.seed)
    for followed, followers in enumerate(in_degrees(shape), start=1):
        for place in scattered(shape.users - 1, followers, chance):
            # Places are those of the others: from the followed on, each is one number higher.
            yield place + 1 if place + 1 < followed else place + 2, followed
    for place in scattered(shape.population, shape.celebrity, chance):
        yield place + 1, shape.celebrity_number


def in_degrees(shape: Shape) -> Iterator[int]:
    """Followers of user 1, 2, ...: falling as a power law of the rank, in sum exactly `edges`, each less than `users`.

    Where a number of followers d has the density d ** -exponent, rank r has about r ** (-1 / (exponent - 1)) of the first's.
    """
    weights = [rank ** (-1 / (shape.exponent - 1)) for rank in range(1, shape.users + 1)]
    total, given = sum(weights), 0
    for rank, sum_so_far in enumerate(accumulate(weights), start=1):
        # The ranks below take what is too much for this one, but no more than they can.
        left_to_others = (shape.users - rank) * (shape.users - 1)
        wanted = max(min(shape.edges, int(shape.edges * (sum_so_far / total))), shape.edges - left_to_others)
        degree = min(shape.users - 1, wanted - given)
        given += degree
        yield degree


def scattered(size: int, count: int, chance: random.Random) -> Iterator[int]:
    """`count` different numbers below `size`, out of order, without remembering any: i -> (a * i + b) mod size, a coprime to size."""
    if count == 0:
        return
    step = next(a for a in iter(lambda: chance.randrange(1, size + 1), None) if gcd(a, size) == 1)
    begin = chance.randrange(size)
    for index in range(count):
        yield (step * index + begin) % size


def write_graph(path: Path, shape: Shape) -> None:
    """Write an edge list, compressed where the name ends in .gz. The same shape gives the same bytes."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as raw:
        # No name and no time of writing in the header.
        packed = gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) if path.suffix == ".gz" else None
        target = packed or raw
        target.write(f"# {shape}\n# follower followed; the celebrity is {shape.celebrity_number}\n".encode())
        for follower, followed in make_edges(shape):
            target.write(b"%d %d\n" % (follower, followed))
        if packed:
            packed.close()
    # A file that was cut short would look like a smaller graph.
    part.replace(path)
