"""What counts how much for the order of hits, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """Of the text, and of what a hit is worth without it.

    Fields of the text are added to each other. The score is then multiplied by 1 + popularity + freshness + the drop's state.
    """

    # Where the text is found. A name says what a thing is; a description says that and more.
    name: float = 4.0
    name_stem: float = 2.0
    name_prefix: float = 1.5
    name_code: float = 2.0
    name_phrase: float = 3.0
    creator_name: float = 2.0
    tags: float = 1.5
    description: float = 0.5
    # A word that is found only with a typo forgiven counts this much of its weight.
    fuzzy: float = 0.3

    # log10(1 + followers) times this: a million followers are worth six times ten.
    popularity: float = 0.15
    # Of something new; half of it is left after freshness_days.
    freshness: float = 0.5
    freshness_days: int = 14
    # What can be bought now goes before what can't; in browsing, before everything else.
    live: float = 0.8
    live_browsing: float = 5.0
    # What can be bought soon.
    scheduled: float = 0.3
    # What is no drop, or no drop that is over: an ended one is found, behind the others.
    not_over: float = 0.5


WEIGHTS = Weights()
# Of the words of a question, so many must be found: all of up to two, three quarters of more.
MINIMUM_SHOULD_MATCH = "2<75%"
# A typo is forgiven behind the first letter, which people seldom miss, in words of three letters and more (AUTO).
FUZZINESS, PREFIX_LENGTH = "AUTO", 1
# Spellings of one word that are looked for: the most frequent ones.
MAX_EXPANSIONS = 30
# Bounds of the price facet, in minor units.
PRICE_BOUNDS = (0, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)
# Values of a facet.
FACET_SIZE = 20
