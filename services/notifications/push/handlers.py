"""The entrypoints of the push workers. A queue for each kind of work, so that none waits for a crowd that another one is about."""

from services.contracts.events import Event
from services.kernel.event_entrypoint import event_handler
from services.notifications.push import planning, working
from services.notifications.push.providers import PlannerProvider, WorkshopProvider
from services.notifications.push.settings import PushSettings


class NotificationsPush:
    name = "notifications-push"
    settings_class = PushSettings

    planner = PlannerProvider()
    shop = WorkshopProvider()

    @event_handler("notifications.planning", batch=1)
    def plan(self, events: list[Event]) -> None:
        planning.plan_all(self.planner, events)

    @event_handler("notifications.push", batch=1)
    def push(self, events: list[Event]) -> None:
        working.push_chunks(self.shop, events)

    @event_handler("notifications.push_again", batch=10)
    def push_again(self, events: list[Event]) -> None:
        working.push_again(self.shop, events)

    # In a sale there are hundreds of orders a second, and nearly no buyer has an endpoint: one look for all of half a second.
    @event_handler("notifications.push_personal", batch=50, linger_s=0.5)
    def push_people(self, events: list[Event]) -> None:
        working.push_people(self.shop, events)
