"""What counts how much for the order of hits, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """Of the text, and of what a hit is worth without it.

    Each word counts where it counts most, and the words are added. The score is then multiplied by 1 + popularity + freshness + the drop's state,
    which are small: they settle what the text leaves open, and never put a worse match first. Tuned on the half of the judged queries that may be
    looked at (tests/relevance); `python -m tests.relevance.table` shows what each is worth.
    """

    # Where a word is found. A name says what a thing is; a description says that and more.
    name: float = 4.0
    name_stem: float = 3.5
    name_code: float = 3.0
    creator_name: float = 3.0
    tags: float = 2.5
    description: float = 1.5
    # The last word may be one that is still being typed.
    name_prefix: float = 2.5
    creator_prefix: float = 2.0
    # A word that is found only with a typo forgiven counts this part of its weight.
    fuzzy: float = 0.6
    # A word that is in several places counts a little more than one that is in the best of them alone.
    elsewhere: float = 0.2
    # All words are there, wherever; and in the name, next to each other.
    every_word: float = 4.0
    phrase: float = 3.0

    # log10(1 + followers) times this.
    popularity: float = 0.03
    # Of something new; half of it is left after freshness_days.
    freshness: float = 0.05
    freshness_days: int = 14
    # What can be bought now goes before what can't; in browsing, before everything else.
    live: float = 0.15
    live_browsing: float = 5.0
    # What can be bought soon.
    scheduled: float = 0.05
    # What is no drop, or no drop that is over: an ended one is found, behind the others.
    not_over: float = 0.1


WEIGHTS = Weights()
# What holds one of the words is found, behind what holds more. Where the best match does not come first, it must hold all of up to two words, and
# three quarters of more.
ANY_WORD, MOST_WORDS = "1", "2<75%"
# Words that are looked for; a question of more is a text, of which these say enough.
MOST_ASKED = 12
# A typo is forgiven behind the first letter, which people seldom miss, in words of three letters and more (AUTO).
FUZZINESS, PREFIX_LENGTH = "AUTO", 1
# Spellings of one word that are looked for: the most frequent ones.
MAX_EXPANSIONS = 30
# Bounds of the price facet, in minor units.
PRICE_BOUNDS = (0, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)
# Values of a facet.
FACET_SIZE = 20
