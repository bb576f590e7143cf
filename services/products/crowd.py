"""How large a crowd is expected: the followers of the creators whose drops start soon, or have just started.

A metric, for whoever scales the units that a crowd comes to: up before a start, when it costs nobody a wait, and down after it.
"""

import logging
import time

from services.contracts.errors import LiveDropsError
from services.contracts.users import Users
from services.kernel import calls
from services.kernel.cache import batched
from services.kernel.metrics import Metrics
from services.kernel.postgres import Postgres
from services.products.settings import ProductsSettings

log = logging.getLogger("livedrops.clock")
LOOK_EVERY_S = 5.0
# Those who start next; a thousand creators at once are a crowd whatever they add.
MOST_CREATORS, ASKED_AT_ONCE = 1_000, 100
_EXPECTING = """
select distinct creator_id from (
    select creator_id from drops where cancelled_at is null and not sold_out
    and starts_at between clock_timestamp() - %s * interval '1 second' and clock_timestamp() + %s * interval '1 second'
    and ends_at > clock_timestamp() order by starts_at limit %s
) as soon
"""


class Crowd:
    def __init__(self, postgres: Postgres, users: Users, metrics: Metrics, settings: ProductsSettings) -> None:
        self._postgres = postgres
        self._users = users
        self._metrics = metrics
        self._settings = settings
        self._next_look = float("-inf")

    def tell(self) -> None:
        """Tell the metrics, once in so many seconds. What can't be known now stays as it was told last."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_EVERY_S
        try:
            self._metrics.gauge("products.crowd", self.expected())
        except LiveDropsError as error:
            log.warning("the expected crowd is not known", extra={"error": error.code})

    def expected(self) -> int:
        """People; who follows two of the creators counts twice. Raises LiveDropsError."""
        with self._postgres.session() as session:
            rows = session.rows(_EXPECTING, (self._settings.crowd_after_s, self._settings.crowd_before_s, MOST_CREATORS))
        people = 0
        for some in batched((str(row[0]) for row in rows), ASKED_AT_ONCE):
            with calls.under(calls.begin()):
                people += sum(profile.follower_count for profile in self._users.get_profiles(user_ids=some))
        return people
