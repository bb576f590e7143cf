"""Analytics: the payloads and the Protocol of the analytics service: how many, by minute and by hour, of a drop, a creator, or all together.

Orders and follows are counted from their events, each once, a moment behind. What leaves no trace (who looked, who was refused) is counted by
the gateways and told every few seconds; a gateway that is killed takes the last seconds' of these with it.
"""

from enum import StrEnum
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from .tallies import Counts, Tally
from .values import DropId, Instant, Units, UserId

ReportId = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        description="New for each report, the same for its retries.",
    ),
]
# A day of minutes, or two months of hours, in one answer.
MOST_POINTS = 1_500


class Grain(StrEnum):
    MINUTE = "MINUTE"
    HOUR = "HOUR"


class SubjectKind(StrEnum):
    """PLATFORM: all drops and creators together."""

    DROP = "DROP"
    CREATOR = "CREATOR"
    PLATFORM = "PLATFORM"


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is counted. id: of the drop, or the creator; null for the platform."""

    kind: SubjectKind
    id: UserId | None = None


class Series(msgspec.Struct, frozen=True):
    """Oldest first, from `since` to before `until`; stretches of which nothing is counted are left out. totals: of the points together."""

    grain: Grain
    since: Instant
    until: Instant
    points: list[Tally]
    totals: Counts


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one gateway saw of one drop in one minute. creator_id: where it knows whose drop it is."""

    drop_id: DropId
    at: Instant
    counts: Counts
    creator_id: UserId | None = None


Report = Annotated[list[Seen], Meta(min_length=1, max_length=500)]


class Rebuilt(msgspec.Struct, frozen=True):
    """until: what was before that is as the owners of the orders and follows say; what came later stands as it was counted.

    repaired: how many numbers were wrong.
    """

    until: Instant
    repaired: Units


class Analytics(Protocol):
    """The analytics service."""

    def get_series(self, *, subject: Subject, grain: Grain, since: Instant, until: Instant) -> Series:
        """Counts of a subject. A drop's and a creator's are for the creator, all are for operators.

        Widened to whole minutes or hours. Raises NotFound (drop), Forbidden, InvalidInput (more than 1,500 of them, or none).
        """

    def report(self, *, report_id: ReportId, seen: Report) -> None:
        """Count what a gateway saw; the same report again changes nothing. Raises Forbidden for a person."""

    def rebuild(self, *, subject: Subject) -> Rebuilt:
        """Count a drop's orders, or a creator's follows, anew, up to the last whole hour. For operators.

        Views and refusals are kept nowhere else and stay as they are. Raises NotFound, Forbidden, InvalidInput (the platform: it is the sum of
        its drops and creators).
        """
