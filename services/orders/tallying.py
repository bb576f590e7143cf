"""A drop's orders, counted by hour and by minute: what analytics compares its own sums with."""

from datetime import datetime

from services.contracts.tallies import HOURS_KEPT, MINUTES_KEPT, Counts, Tallies, Tally
from services.kernel.postgres import Postgres

_TALLY = """
with told as (
    select placed_at as at, 1 as orders, quantity as units, quantity * price_amount as revenue, 0 as cancelled_orders, 0 as cancelled_units
    from orders where drop_id = %(drop)s and placed_at >= %(since)s and placed_at < %(until)s and status in ('CONFIRMED', 'CANCELLED')
    union all
    select ended_at, 0, 0, 0, 1, quantity
    from orders where drop_id = %(drop)s and status = 'CANCELLED' and ended_at >= %(since)s and ended_at < %(until)s
)
select date_trunc(%(grain)s, at), sum(orders), sum(units), sum(revenue), sum(cancelled_orders), sum(cancelled_units)
from told group by 1 order by 1
"""


class Tallying:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def tally(self, drop_id: str, until: datetime) -> Tallies:
        """Those of before this time, as far back as they are kept."""
        hours = self._by("hour", drop_id, until - HOURS_KEPT, until)
        return Tallies(hours, self._by("minute", drop_id, until - MINUTES_KEPT, until))

    def _by(self, grain: str, drop_id: str, since: datetime, until: datetime) -> list[Tally]:
        with self._postgres.session() as session:
            rows = session.rows(_TALLY, {"grain": grain, "drop": drop_id, "since": since, "until": until})
        return [Tally(at, Counts(0, *(int(count) for count in counts))) for at, *counts in rows]
