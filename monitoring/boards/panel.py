"""What a dashboard is made of."""

from dataclasses import dataclass
from enum import StrEnum

# Stands in an expression for how far a rate looks back: it depends on how long a time is shown.
WINDOW = "WINDOW"


class Unit(StrEnum):
    COUNT = "count"
    PER_SECOND = "per second"
    SECONDS = "seconds"
    SHARE = "share"
    BYTES = "bytes"
    # 0 for what is up, more for what is away.
    STATE = "state"


@dataclass(frozen=True)
class Line:
    """One expression, of one or several series. legend: with {{label}} for a label's value."""

    legend: str
    expression: str


@dataclass(frozen=True)
class Panel:
    """bound: a value that should not be passed; drawn, and above it a figure is shown as wrong. is_figure: the last value instead of a course."""

    title: str
    unit: Unit
    lines: tuple[Line, ...]
    bound: float | None = None
    is_figure: bool = False


@dataclass(frozen=True)
class Board:
    """name: in addresses. title: for people."""

    name: str
    title: str
    panels: tuple[Panel, ...]


def figure(title: str, unit: Unit, expression: str, bound: float | None = None) -> Panel:
    return Panel(title, unit, (Line(title, expression),), bound, is_figure=True)


def course(title: str, unit: Unit, *lines: tuple[str, str], bound: float | None = None) -> Panel:
    """lines: legend and expression of each."""
    return Panel(title, unit, tuple(Line(*line) for line in lines), bound)


def rate(counter: str, by: str = "") -> str:
    """By the second; by a label where one is named."""
    return f"sum by ({by}) (rate({counter}[{WINDOW}]))" if by else f"sum(rate({counter}[{WINDOW}]))"


def quantile(share: float, histogram: str, which: str = "", by: str = "") -> str:
    """The time within which this share was done. which: matchers. by: a label."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{{{which}}}[{WINDOW}])))"
