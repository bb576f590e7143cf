"""How fast monitoring looks and judges. A test lets a day pass in minutes: every interval and window shrinks alike."""

from collections.abc import Mapping
from dataclasses import dataclass

PACE = "LIVEDROPS_MONITORING_PACE"
# Often enough for a window of a minute to hold four looks.
SCRAPE_S = 15.0
# Exporters are programs that share two cores with what they watch.
SHORTEST_SCRAPE_S = 1.0
# A rate needs two looks, and one may be missed.
LOOKS_IN_A_WINDOW = 4
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True)
class Pace:
    """factor: 1 in earnest; a twentieth makes five minutes fifteen seconds."""

    factor: float = 1.0

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Pace":
        """From the environment. Raises ValueError that names the variable and what is allowed."""
        text = environ.get(PACE, "1")
        try:
            factor = float(text)
        except ValueError:
            factor = 0.0
        if not 0.001 <= factor <= 1:
            raise ValueError(f"{PACE}={text!r}: a number from 0.001 to 1")
        return cls(factor)

    @property
    def scrape_s(self) -> float:
        return max(SHORTEST_SCRAPE_S, SCRAPE_S * self.factor)

    @property
    def scrape(self) -> str:
        return duration(self.scrape_s)

    def window(self, span: str) -> str:
        """A range to look back on: "5m" in earnest."""
        return duration(max(LOOKS_IN_A_WINDOW * self.scrape_s, seconds(span) * self.factor))

    def wait(self, span: str) -> str:
        """How long something must last, or is waited with: "2m" in earnest."""
        return duration(max(self.scrape_s, seconds(span) * self.factor))


def seconds(span: str) -> float:
    """300 for "5m"."""
    return float(span[:-1]) * _SECONDS[span[-1]]


def duration(span_s: float) -> str:
    """As Prometheus writes it, in the largest unit that fits: "5m" for 300."""
    milliseconds = max(1, round(span_s * 1000))
    return next(f"{milliseconds // size}{unit}" for unit, size in _UNITS if milliseconds % size == 0)
