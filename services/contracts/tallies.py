"""What is counted, by minute and by hour: shared by analytics and by those who own what it counts."""

from datetime import timedelta

import msgspec

from .values import Instant, Units

# What is kept by minute, and what by hour.
MINUTES_KEPT = timedelta(days=2)
HOURS_KEPT = timedelta(days=400)


class Counts(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How many in one stretch of time.

    views: people (or addresses, of who is not signed in) that looked at a drop, each once a minute and gateway. revenue: of these orders, whatever became of them,
    in minor units of the drop's currency; of drops only. cancelled_orders, cancelled_units: at the time of the cancelling. sold_out to busy: orders that were refused;
    not_open: before the start or after the end; busy: too many at once. follows, unfollows: of creators.
    """

    views: Units = 0
    orders: Units = 0
    units: Units = 0
    revenue: Units = 0
    cancelled_orders: Units = 0
    cancelled_units: Units = 0
    sold_out: Units = 0
    limit_reached: Units = 0
    insufficient_stock: Units = 0
    not_open: Units = 0
    busy: Units = 0
    follows: Units = 0
    unfollows: Units = 0


class Tally(msgspec.Struct, frozen=True):
    """Counts of the stretch of time that begins at `at`, a whole minute or hour."""

    at: Instant
    counts: Counts


class Tallies(msgspec.Struct, frozen=True):
    """What the owner of a drop's orders, or of a creator's follows, has kept of them: by hour, and by minute of the last two days."""

    hours: list[Tally]
    minutes: list[Tally]
