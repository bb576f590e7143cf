"""The event entrypoints of notifications. Three queues: what one person is told waits for no broadcast, and neither of them for what is many steps."""

from services.contracts.events import Event
from services.kernel.event_entrypoint import event_handler
from services.notifications import telling
from services.notifications.providers import TellingProvider
from services.notifications.settings import NotificationsSettings


class NotificationsEvents:
    name = "notifications-events"
    settings_class = NotificationsSettings

    desk = TellingProvider()

    @event_handler("notifications.broadcasts")
    def tell_all(self, events: list[Event]) -> None:
        telling.tell_all(self.desk, events)

    # A tenth of a second of the two that people wait at most: a transaction for a hundred notes costs a fraction of ten for ten each.
    @event_handler("notifications.personal", batch=50, linger_s=0.1)
    def tell_people(self, events: list[Event]) -> None:
        telling.tell_people(self.desk, events)

    @event_handler("notifications.upkeep")
    def keep_up(self, events: list[Event]) -> None:
        telling.keep_up(self.desk, events)
