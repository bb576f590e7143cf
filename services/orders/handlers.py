"""The event entrypoints of orders: the read model of a person's orders. A unit of its own, so that it never slows a sale."""

from services.contracts.events import Event
from services.kernel.event_entrypoint import event_handler
from services.orders.providers import SalesProvider
from services.orders.settings import OrdersSettings
from services.orders.views import CONSUMER


class OrderViews:
    name = "orders-views"
    settings_class = OrdersSettings

    sales = SalesProvider()

    @event_handler(CONSUMER)
    def apply(self, events: list[Event]) -> None:
        self.sales.views.apply(events)
