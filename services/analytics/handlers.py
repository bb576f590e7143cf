"""The event entrypoints of analytics: what is counted, and tidying. A unit of its own, which takes what a sale leaves over."""

from contextlib import suppress

from nameko.timer import timer

from services.analytics import usecases
from services.analytics.providers import StoreProvider
from services.analytics.settings import AnalyticsSettings
from services.analytics.store import Store
from services.contracts.errors import Unavailable
from services.contracts.events import Event
from services.kernel.event_entrypoint import event_handler, held

# Old rows are few at a time when they are deleted often.
TIDY_EVERY_S = 300


class AnalyticsEvents:
    name = "analytics-events"
    settings_class = AnalyticsSettings

    store: Store = StoreProvider()

    # A transaction for hundreds of orders costs hardly more than one for ten, and nobody looks at sums twice a second.
    @event_handler("analytics.orders", batch=100, linger_s=0.5)
    def count_orders(self, events: list[Event]) -> None:
        with held():
            self.store.count_orders(events)

    @event_handler("analytics.follows", batch=200, linger_s=0.5)
    def count_follows(self, events: list[Event]) -> None:
        with held():
            self.store.count_follows(events)

    @timer(interval=TIDY_EVERY_S)  # type: ignore[untyped-decorator]
    def tidy(self) -> None:
        with suppress(Unavailable):  # at the next look
            usecases.tidy(self.store)
